package decode

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// fileTypes are the letters that ls gives to the types of files (inode(7)).
var fileTypes = map[uint64]byte{
	unix.S_IFREG:  '-',
	unix.S_IFDIR:  'd',
	unix.S_IFLNK:  'l',
	unix.S_IFBLK:  'b',
	unix.S_IFCHR:  'c',
	unix.S_IFIFO:  'p',
	unix.S_IFSOCK: 's',
}

// mode writes a file's st_mode as ls does, drwxr-xr-x; a number without a type, such as
// the mode that open(2) is given, starts with "?". What has more than the 16 bits of the
// kernel's umode_t (include/linux/types.h) is no mode and is written in octal.
func mode(_ *Decoder, c cell) form {
	return form{width: len("drwxr-xr-x")}.asName(func(dst, rec []byte) []byte {
		v := load(rec[c.at:], c.Size)
		if v > 0xffff {
			return strconv.AppendUint(append(dst, '0'), v, 8)
		}
		letter, ok := fileTypes[v&unix.S_IFMT]
		if !ok {
			letter = '?'
		}
		dst = append(dst, letter)
		dst = appendRights(dst, v>>6, v&unix.S_ISUID != 0, 's')
		dst = appendRights(dst, v>>3, v&unix.S_ISGID != 0, 's')
		return appendRights(dst, v, v&unix.S_ISVTX != 0, 't')
	})
}

// appendRights writes the low three bits of v as rwx. A special bit takes the place of
// the x: in lower case where the x is set too, else in upper case.
func appendRights(dst []byte, v uint64, special bool, letter byte) []byte {
	for i, name := range [3]byte{'r', 'w', 'x'} {
		set := v>>(2-i)&1 != 0
		switch {
		case i == 2 && special && set:
			name = letter
		case i == 2 && special:
			name = letter - 'a' + 'A'
		case !set:
			name = '-'
		}
		dst = append(dst, name)
	}
	return dst
}

// device writes the kernel's dev_t as major:minor; the minor has the low 20 bits
// (MINORBITS, include/linux/kdev_t.h), unlike the dev_t that stat(2) returns.
func device(_ *Decoder, c cell) form {
	const minorBits = 20
	return form{width: len("259:10")}.asName(func(dst, rec []byte) []byte {
		v := load(rec[c.at:], c.Size)
		dst = append(strconv.AppendUint(dst, v>>minorBits, 10), ':')
		return strconv.AppendUint(dst, v&(1<<minorBits-1), 10)
	})
}
