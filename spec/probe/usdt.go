package probe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/binary"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// mostNotes is the most arguments that a USDT probe has (sys/sdt.h, STAP_PROBE12).
const mostNotes = 12

// usdt is a probe that a program's author has put there. Its note says how wide the
// arguments are; on a machine without the program each is taken for 64 bits.
func usdt(_ *ktype.Kernel, _, target string) ([]Candidate, error) {
	file, what, ok := strings.Cut(target, ":")
	if !ok || file == "" || what == "" {
		return nil, fmt.Errorf("a USDT probe is named BINARY:PROVIDER:NAME, such as libc:libc:setjmp")
	}
	provider, name, ok := strings.Cut(what, ":")
	if !ok {
		provider, name = "", what
	}
	c := Candidate{Kind: plan.USDT, Target: target}
	path, err := binary.Find(file, 0)
	if err != nil {
		for i := range mostNotes {
			c.Params = append(c.Params, noted(provider, name, i, []binary.Arg{{Size: 8, Kind: binary.Constant}}))
		}
		return []Candidate{c}, nil
	}
	sites, provider, err := notedSites(path, provider, name)
	if err != nil {
		return nil, err
	}
	for i := range mostNotes {
		var args []binary.Arg
		for _, s := range sites {
			if i < len(s.Args) {
				args = append(args, s.Args[i])
			}
		}
		if len(args) == 0 {
			break
		}
		one := noted(provider, name, i, args)
		if len(args) < len(sites) && one.Why == "" {
			one.Source, one.Why = plan.Source{}, "the probe does not pass it at each of its places"
		}
		c.Params = append(c.Params, one)
	}
	return []Candidate{c}, nil
}

// notedSites returns the places of a probe in a file, and its provider.
func notedSites(path, provider, name string) (sites []binary.Site, found string, err error) {
	f, err := binary.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	probes, err := f.Probes()
	if err != nil {
		return nil, "", err
	}
	if len(probes) == 0 {
		return nil, "", fmt.Errorf("%s has no USDT probes: it was built without them; uprobe:%[1]s:FUNCTION traces a function", path)
	}
	var known, providers []string
	for _, p := range probes {
		known = append(known, p.Provider+":"+p.Name)
		if p.Name == name && (provider == "" || p.Provider == provider) {
			sites = append(sites, p.Sites...)
			providers = append(providers, p.Provider)
		}
	}
	switch len(providers) {
	case 0:
		wrong := strings.TrimPrefix(provider+":"+name, ":")
		if near := ktype.Nearest(wrong, known); len(near) > 0 {
			return nil, "", fmt.Errorf("%s has no USDT probe %s; it has %s", path, wrong, source.OrList(near))
		}
		return nil, "", fmt.Errorf("%s has no USDT probe %s, among %d others", path, wrong, len(probes))
	case 1:
		return sites, providers[0], nil
	}
	return nil, "", fmt.Errorf("several providers have a probe %s: %s", name, strings.Join(providers, ", "))
}

// noted is argument i of a USDT probe as the notes of all its places give it: as wide as
// the widest.
func noted(provider, name string, i int, args []binary.Arg) Param {
	p := Param{Name: "arg" + strconv.Itoa(i), Source: plan.Source{From: plan.Note, Index: i}}
	if names := noteNames[provider+":"+name]; i < len(names) {
		p.Name = names[i]
	}
	size, signed := 0, false
	for _, a := range args {
		size, signed = max(size, a.Size), signed || a.Signed
		if a.Kind == binary.Bad || a.Float {
			p.Why = a.Why
			if a.Float {
				p.Why = "it is a floating-point number"
			}
			p.Source = plan.Source{}
		}
	}
	p.Kind = ktype.Type{Kind: ktype.Int, Size: size, Signed: signed}
	p.Plan = plan.Type{Kind: plan.Int, Size: size, Signed: signed, User: size == 8}
	return p
}

// words splits a list of names.
func words(text string) []string { return strings.Fields(text) }

// noteNames calls the arguments of well-known probes by what their documentation says they
// are.
var noteNames = func() map[string][]string {
	names := map[string][]string{}
	for provider, probes := range map[string][][2]string{
		// PostgreSQL 15 documentation, 28.5 Dynamic Tracing.
		"postgresql": {
			{"transaction__start transaction__commit transaction__abort", "transaction"},
			{"query__start query__done query__parse__start query__parse__done query__rewrite__start query__rewrite__done", "query"},
			{"statement__status", "status"},
			{"checkpoint__start", "flags"},
			{"checkpoint__done", "written total added removed recycled"},
			{"lwlock__acquire lwlock__wait__start lwlock__wait__done lwlock__condacquire lwlock__condacquire__fail", "tranche mode"},
			{"lwlock__release", "tranche"},
		},
		// Python 3.11 documentation, Instrumenting CPython with DTrace and SystemTap.
		"python": {
			{"function__entry function__return line", "filename funcname lineno"},
			{"gc__start", "generation"},
			{"gc__done", "collected"},
			{"import__find__load__start", "module"},
			{"import__find__load__done", "module found"},
			{"audit", "event arguments"},
		},
		// Ruby 3.2, doc/dtrace_probes.rdoc.
		"ruby": {
			{"method__entry method__return cmethod__entry cmethod__return", "classname methodname filename lineno"},
			{"require__entry require__return load__entry load__return find__require__entry find__require__return", "filename source lineno"},
			{"raise object__create", "classname filename lineno"},
			{"array__create hash__create string__create", "length filename lineno"},
			{"parse__begin parse__end", "filename lineno"},
		},
		// PHP manual, DTrace static probes.
		"php": {
			{"request__startup request__shutdown", "file uri method"},
			{"compile__file__entry compile__file__return", "file translated"},
			{"error", "message file lineno"},
			{"exception__thrown exception__caught", "classname"},
			{"execute__entry execute__return", "file lineno"},
			{"function__entry function__return", "function file lineno classname scope"},
		},
		// OpenJDK 17, src/hotspot/os/posix/dtrace/hotspot.d and hotspot_jni.d.
		"hotspot": {
			{"method__entry method__return", "thread classname classname_len method method_len signature signature_len"},
			{"gc__begin", "full"},
			{"thread__start thread__stop", "name name_len id native_id daemon"},
			{"class__loaded class__unloaded", "name name_len loader shared"},
			{"monitor__contended__enter monitor__contended__entered monitor__contended__exit", "thread monitor classname classname_len"},
			{"object__alloc", "thread classname classname_len size"},
		},
		// Node.js 16, src/node_provider.d.
		"node": {
			{"gc__start gc__done", "type flags"},
		},
		// MariaDB 10.11, include/probes_mysql.d.base.
		"mysql": {
			{"connection__start", "id user host"},
			{"connection__done", "status id"},
			{"query__start", "query id database user host"},
			{"query__done", "status"},
			{"query__exec__start", "query id database user host type"},
			{"query__exec__done", "status"},
		},
		// glibc 2.36 manual, Internal Probes.
		"libc": {
			{"memory_heap_new memory_heap_more memory_heap_less memory_heap_free", "heap size"},
			{"memory_sbrk_more memory_sbrk_less", "brk size"},
			{"memory_arena_new", "arena size"},
			{"setjmp longjmp longjmp_target", "env value pc"},
			{"mutex_init mutex_acquired mutex_entry mutex_release mutex_destroy", "mutex"},
			{"pthread_create", "thread attr start argument"},
		},
	} {
		for _, row := range probes {
			for _, probe := range words(row[0]) {
				names[provider+":"+probe] = words(row[1])
			}
		}
	}
	return names
}()
