// Package templates holds the C that every tracer is printed with, as a reader would
// wish it. In goes nothing; out come the files, for package gen/c to fill in.
//
// tracer.c.tmpl is the order of a whole file and looks as its output does. Each other
// file holds pieces: {{define "flow_of"}} is the C of the function flow_of, printed
// into the tracers that call it. Templates hold the shape and decide nothing.
package templates

import "embed"

// Files holds every *.tmpl of this folder, at its root.
//
//go:embed *.tmpl
var Files embed.FS
