// Package pbx runs real Asterisks for lab and tests, with the configuration of package
// asteriskconf. [Find] gets one (the one on PATH if it is new enough, else a root folder
// in the user's cache), [Start] runs an instance of it on ports of its own, as an
// unprivileged user, as often as wanted at the same time. A system Asterisk and its files
// are never touched.
//
// An instance ends with the process that started it, however that process ends.
package pbx
