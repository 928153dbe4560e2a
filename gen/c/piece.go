package c

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"text/template"

	"github.com/ebgen/ebgen/templates"
)

// files are the templates, read when there is C to print: a start from the cache has none.
var files = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"last": func(i, n int) bool { return i == n-1 },
		"copy": copyStruct,
	}).ParseFS(templates.Files, "*.tmpl"))
})

// copyStruct is the C that copies one struct into another, both by address.
func copyStruct(large bool, to, from string) string {
	pointed := func(address string) string {
		if place, ok := strings.CutPrefix(address, "&"); ok {
			return place
		}
		return "*" + address
	}
	if large {
		return fmt.Sprintf("bpf_probe_read_kernel(%s, sizeof(%s), %s)", to, pointed(to), from)
	}
	return pointed(to) + " = " + pointed(from)
}

// Pieces of C kept in package templates, each named for what it defines and listed
// after those it builds on. A tracer gets the ones it uses.
var (
	typePieces = []string{"ip_addr", "ip_prefix", "flow", "owner", "owner_entry", "registers", "go_registers", "path_walk"}

	functionPieces = []string{
		"bpf_rdonly_cast", "readable",
		"FIELD", "EXISTS", "NO_VALUE", "READ", "READ_WORD", "READ_USER", "READ_INT", "ZERO", "failure", "READ_STR", "READ_STR_USER", "AT_MOST", "READ_TEXT", "READ_TEXT_USER",
		"count_one", "EEXIST", "EFAULT", "ENOENT", "EOPNOTSUPP", "TALLY", "failed", "missing", "DYNAMIC",
		"be16_to_cpu", "be32_to_cpu", "be64_to_cpu",
		"div_u64", "mod_u64", "magnitude", "div_s64", "mod_s64", "min_u64", "max_u64", "min_s64", "max_s64", "log2_u64",
		"same_text", "same_as_param", "starts_with_param", "path_put", "path_start", "path_step", "path_alone", "path_end", "path_of", "kernfs_step", "path_of_kernfs_node", "path_of_cgroup", "path_of_path", "path_of_file", "path_of_dentry", "READ_COMM", "parent_tgid", "function_hit", "function_name",
		"ip_of_be32", "read_ip4", "read_ip4_user", "same_ip", "ip_listed",
		"AF_INET", "AF_INET6", "sock_family", "flow_saddr", "flow_daddr", "flow_sport", "flow_dport", "flow_of", "ETH_P_IP", "ETH_P_IPV6", "packet_flow",
		"socket_inode", "sock_tracked", "owner_of", "owner_note", "file_socket",
		"owner_created", "owner_grafted", "owner_returned", "owner_destroyed", "owner_swept",
		"over_rate",
		"ADD", "KEEP", "count_in", "log_bucket_u64", "log_bucket_s64", "linear_bucket_u64", "linear_bucket_s64",
	}
)

var word = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z_]\w*`) })

// noise is what a word in C does not count in: comments, strings, characters.
var noise = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*|"(\\.|[^"\\])*"|'(\\.|[^'\\])*'`)
})

// words lists the identifiers in a piece of C.
func words(text string) []string {
	return word().FindAllString(noise().ReplaceAllString(text, " "), -1)
}

// render prints one piece.
func (p *printer) render(name string) string {
	var b strings.Builder
	if err := files().ExecuteTemplate(&b, name, p.kernel); err != nil {
		panic(err) // the pieces are embedded, and their data is one struct
	}
	return b.String()
}

// use notes that a piece or helper is used, with all that it builds on, and returns its
// name.
func (p *printer) use(name string) string {
	if p.used[name] {
		return name
	}
	p.used[name] = true
	if files().Lookup(name) != nil {
		for _, w := range words(p.render(name)) {
			if shared[w] {
				p.use(w)
			}
		}
	}
	return name
}

// rendered prints those of the pieces that are used, in the given order.
func (p *printer) rendered(names []string) []string {
	var out []string
	for _, name := range names {
		if p.used[name] {
			out = append(out, p.render(name))
		}
	}
	return out
}

// shared are the names of all pieces and helpers.
var shared = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range append(typePieces, functionPieces...) {
		names[name] = true
	}
	for _, h := range helpers {
		names[h.Name] = true
	}
	return names
}()
