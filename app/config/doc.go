// Package config reads the process's environment (app/README.md, Settings): every variable begins with METAFLOWS_, a wrong one
// stops
// the start with one line, and an empty one means the default.
package config
