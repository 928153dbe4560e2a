package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// sid is what apt-cache show says of the split packages, cut to the fields that matter.
var sid = map[string]string{
	"linux-image-cloud-amd64": `Package: linux-image-cloud-amd64
Version: 7.2.13-1
Provides: linux-latest-modules-7.2.13+deb14-cloud-amd64
Depends: linux-base-cloud-amd64 (= 7.2.13-1), linux-image-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)
Description: Linux for x86-64 cloud (meta-package)

Package: linux-image-cloud-amd64
Depends: linux-image-older-cloud-amd64
`,
	"linux-base-cloud-amd64": "Package: linux-base-cloud-amd64\nDepends: linux-base-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)\n",
	"linux-image-7.2.13+deb14-cloud-amd64": `Package: linux-image-7.2.13+deb14-cloud-amd64
Depends: dracut | initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool,
 linux-base-7.2.13+deb14-cloud-amd64 (= 7.2.13-1), linux-binary-7.2.13+deb14-cloud-amd64 (= 7.2.13-1),
	linux-modules-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)
Recommends: linux-extra-cloud-amd64
`,
	"linux-base-7.2.13+deb14-cloud-amd64":    "Package: x\nDepends: linux-base (>= 4.12)\n",
	"linux-binary-7.2.13+deb14-cloud-amd64":  "Package: x\n",
	"linux-modules-7.2.13+deb14-cloud-amd64": "Package: x\ndepends: kmod, linux-base-cloud-amd64\n",
}

func TestClosure(t *testing.T) {
	got, err := closure("linux-image-cloud-amd64", func(name string) ([]string, error) {
		stanza, ok := sid[name]
		if !ok {
			return nil, errors.New("asked for " + name)
		}
		return kernelDepends(stanza, "amd64"), nil
	})
	want := []string{
		"linux-image-cloud-amd64", "linux-base-cloud-amd64", "linux-image-7.2.13+deb14-cloud-amd64",
		"linux-base-7.2.13+deb14-cloud-amd64", "linux-binary-7.2.13+deb14-cloud-amd64", "linux-modules-7.2.13+deb14-cloud-amd64",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
}

func TestField(t *testing.T) {
	const stanza = "Package: a\nDepends: b,\n c,\n\td\r\nEmpty:\nLast: x: y\n\nOther: z\n"
	for name, want := range map[string]string{
		"Package": "a", "depends": "b, c, d", "Empty": "", "Last": "x: y", "Other": "", "Depend": "",
	} {
		if got := field(stanza, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestChooseMirrors(t *testing.T) {
	tests := []struct {
		addresses      string
		main, security string
	}{
		{"", defaultMirror, defaultSecurity},
		{"http://archive.ubuntu.com/ubuntu/ http://x/debian-backports/", defaultMirror, defaultSecurity},
		{"https://deb.nodesource.com/x/ http://a/debian/ http://a/debian/ http://b/debian/", "http://a/debian/", defaultSecurity},
		{"http://p:3142/m/debian-security/ http://p:3142/m/debian", "http://p:3142/m/debian", "http://p:3142/m/debian-security/"},
	}
	for _, tt := range tests {
		main, security := chooseMirrors(strings.Fields(tt.addresses))
		if main != tt.main || security != tt.security {
			t.Errorf("%q: %s and %s, want %s and %s", tt.addresses, main, security, tt.main, tt.security)
		}
	}
}

func TestSourceList(t *testing.T) {
	for _, s := range matrix {
		text := sourceList(s, "http://m/debian/", "http://m/debian-security/")
		if !strings.Contains(text, "arch="+s.arch+" ") || !strings.Contains(text, "] http://m/debian/ "+s.suite+" main\n") {
			t.Errorf("%s: no line of the suite's own in\n%s", s.name, text)
		}
		security := strings.Contains(text, "] http://m/debian-security/ "+s.suite+"-security main\n")
		if security != (s.suite != "sid") {
			t.Errorf("%s: with security updates: %t\n%s", s.name, security, text)
		}
	}
}
