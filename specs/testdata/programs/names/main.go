// Names makes, for each byte of standard input, 37 calls of a function and as many of a
// method, with numbers that are known.
package main

import "os"

type ledger struct{ sum int64 }

//go:noinline
func (l *ledger) add(amount int64) { l.sum += amount }

//go:noinline
func pay(turn, amount int64) int64 { return amount }

func main() {
	var l ledger
	for byte := make([]byte, 1); ; {
		if n, _ := os.Stdin.Read(byte); n != 1 {
			return
		}
		for i := range int64(37) {
			l.add(pay(i, 1009+17*i))
		}
		if _, err := os.Stdout.Write(byte); err != nil {
			return
		}
	}
}
