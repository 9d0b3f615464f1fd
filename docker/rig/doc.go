// Package rig is an Asterisk with metaflows beside it, and the means to use and to watch them that the lab, the
// measurements and the chaos share: phones, the events as an auditor reads them, and what is left over in Asterisk.
package rig
