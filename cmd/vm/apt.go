package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// apt is an apt-get with a state, source list and package cache of its own: this
// machine's are neither read nor written. Its proxy and mirror settings are kept.
type apt struct {
	dir     string
	arch    string
	updated error // why the lists are not complete, or nil
}

// openApt makes an apt for one suite in dir, which must exist, and reads the suite's
// lists. A suite half of which has left the mirror is still of use: whether the package
// is there decides.
func openApt(ctx context.Context, dir string, s series) (*apt, error) {
	main, security := mirrors(ctx)
	a := &apt{dir: dir, arch: s.arch}
	for _, d := range []string{"state", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{
		"sources.list": sourceList(s, main, security),
		"apt.conf":     aptConf(dir, s.arch),
		"status":       "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	_, a.updated = a.run(ctx, "apt-get", "-qq", "update")
	return a, ctx.Err()
}

// The public default (sources.list(5)) where this machine's own sources name no mirror.
const (
	defaultMirror   = "http://deb.debian.org/debian/"
	defaultSecurity = "http://deb.debian.org/debian-security/"
)

// mirrors returns the addresses that this machine's sources have for Debian and for its
// security updates. apt-get itself reads them, whatever their format.
func mirrors(ctx context.Context) (main, security string) {
	list, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		list = nil
	}
	return chooseMirrors(strings.Fields(string(list)))
}

// chooseMirrors takes the first address whose last part is debian and the first whose last
// part is debian-security.
func chooseMirrors(addresses []string) (main, security string) {
	first := func(base, fallback string) string {
		i := slices.IndexFunc(addresses, func(a string) bool { return path.Base(a) == base })
		if i < 0 {
			return fallback
		}
		return addresses[i]
	}
	return first("debian", defaultMirror), first("debian-security", defaultSecurity)
}

// keyring is where the package debian-archive-keyring keeps the archive's keys. Without it
// apt falls back to the keys it trusts itself.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

func sourceList(s series, main, security string) string {
	// target=Packages: no translations, icons or file lists (sources.list(5)).
	options := "arch=" + s.arch + " target=Packages"
	if _, err := os.Stat(keyring); err == nil {
		options += " signed-by=" + keyring
	}
	text := fmt.Sprintf("deb [%s] %s %s main\n", options, main, s.suite)
	if s.security {
		text += fmt.Sprintf("deb [%s] %s %s-security main\n", options, security, s.suite)
	}
	return text
}

// aptConf is read after this machine's configuration (apt.conf(5)): it redirects what apt
// reads and writes, and clears the hooks that would touch this machine's state.
func aptConf(dir, arch string) string {
	return fmt.Sprintf(`#clear APT::Update;
#clear DPkg;
#clear APT::Architectures;
APT::Architecture "%[2]s";
APT::Sandbox::User "";
Dir::State "%[1]s/state";
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
`, dir, arch)
}

// run runs one of apt's programs in a.dir and returns its standard output.
func (a *apt) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	return output(ctx, a.dir, program, append([]string{"-c", filepath.Join(a.dir, "apt.conf")}, args...)...)
}

// output runs a program in dir and returns its standard output; the error carries what it
// said on standard error.
func output(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir = dir
	out, err := c.Output()
	if err == nil {
		return out, nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return nil, fmt.Errorf("%s %s: %w", program, args[len(args)-1], err)
}

// kernelPackages returns the packages that make up the suite's newest cloud kernel,
// following Depends: one up to 6.12, and linux-binary, -modules, -base from 7.x. The
// metapackage itself holds nothing and is left out.
func (a *apt) kernelPackages(ctx context.Context) ([]string, error) {
	metapackage := "linux-image-cloud-" + a.arch
	packages, err := closure(metapackage, func(name string) ([]string, error) {
		stanza, err := a.run(ctx, "apt-cache", "show", "--no-all-versions", name)
		if err != nil {
			return nil, errors.Join(err, a.updated)
		}
		return kernelDepends(string(stanza), a.arch), nil
	})
	if err != nil {
		return nil, err
	}
	if len(packages) == 1 {
		return nil, fmt.Errorf("%s depends on no kernel", metapackage)
	}
	return packages[1:], nil
}

// closure returns root and all it depends on, each once, in the order found.
func closure(root string, depends func(string) ([]string, error)) ([]string, error) {
	found := []string{root}
	for i := 0; i < len(found); i++ {
		direct, err := depends(found[i])
		if err != nil {
			return nil, err
		}
		for _, d := range direct {
			if !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
	}
	return found, nil
}

// kernelDepends returns the packages of a stanza's Depends field (deb-control(5)) that
// belong to a cloud kernel, without their versions. What else it wants (an initramfs
// generator, kmod) serves an installation.
func kernelDepends(stanza, arch string) []string {
	var names []string
	for clause := range strings.SplitSeq(field(stanza, "Depends"), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(clause), " ")
		if strings.HasPrefix(name, "linux-") && strings.HasSuffix(name, "-cloud-"+arch) {
			names = append(names, name)
		}
	}
	return names
}

// field returns a field of the first stanza (deb822(5)), its continuation lines joined by
// spaces, or "".
func field(stanza, name string) string {
	stanza, _, _ = strings.Cut(stanza, "\n\n")
	var value string
	var inside bool
	for line := range strings.Lines(stanza) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if inside {
				value += " " + strings.TrimSpace(line)
			}
			continue
		}
		key, rest, _ := strings.Cut(line, ":")
		if inside = strings.EqualFold(key, name); inside {
			value = strings.TrimSpace(rest)
		}
	}
	return value
}

// unpack downloads packages, which apt-get checks against the signed lists, and unpacks
// them all into root.
func (a *apt) unpack(ctx context.Context, packages []string, root string) error {
	if _, err := a.run(ctx, "apt-get", append([]string{"-qq", "download"}, packages...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := output(ctx, a.dir, "dpkg-deb", "-x", file, root); err != nil {
			return err
		}
	}
	return nil
}
