package c

import (
	"fmt"
	"strings"
)

// quote writes any bytes as a C string. Octal escapes of three digits end by
// themselves, and a `?` is escaped where two could start a trigraph.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '?' && i > 0 && s[i-1] == '?':
			b.WriteString(`\?`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// comment makes any text fit for one line of a comment: nothing in it ends or opens one,
// splices lines or is a control character.
func comment(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	for _, pair := range [][2]string{{"*/", "* /"}, {"/*", "/ *"}, {"??/", "? ?/"}} {
		s = strings.ReplaceAll(s, pair[0], pair[1])
	}
	return strings.TrimRight(s, `\ `)
}

// comments splits a text into lines of comment, without blank ones at its ends.
func comments(s string) []string {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = comment(line)
	}
	return lines
}
