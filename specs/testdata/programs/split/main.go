// Split spends 70 of 100 parts of its time in seventy and 30 in thirty, for ever: see
// split.c.
package main

//go:noinline
func seventy(x uint64) uint64 {
	for range 70 * 10000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

//go:noinline
func thirty(x uint64) uint64 {
	for range 30 * 10000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func main() {
	for x := uint64(1); ; {
		x = thirty(seventy(x))
	}
}
