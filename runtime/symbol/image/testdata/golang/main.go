// Golang is a program whose functions the tests look for.
package main

import "os"

//go:noinline
func seventy(x int) int { return x * 70 }

func main() { os.Exit(seventy(len(os.Args) - 1)) }
