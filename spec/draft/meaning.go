package draft

import (
	"regexp"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/listing"
)

// ownTask lists by kind of probe what there is to say of the running task and CPU. The
// checker warns of pid and comm where the task is another one's, and they are left out.
var ownTask = map[string][]string{
	"function": {"pid", "comm"}, "kprobe": {"pid", "comm"}, "kretprobe": {"pid", "comm"}, "fentry": {"pid", "comm"}, "fexit": {"pid", "comm"},
	"rawtracepoint": {"pid", "comm"}, "tracepoint": {"pid", "comm"}, "syscall": {"pid", "comm"},
	"uprobe": {"pid", "comm"}, "uretprobe": {"pid", "comm"}, "usdt": {"pid", "comm"},
	"profile": {"cpu", "pid", "comm"}, "software": {"cpu", "pid", "comm"}, "hardware": {"cpu", "pid", "comm"},
	"interval": {"cpu"}, "begin": {"cpu"}, "end": {"cpu"},
}

// taken lists names that a field of another meaning must not have.
var taken = []string{"time", "pid", "tid", "comm", "cpu", "probe", "func", "retval", "took", "nsecs", "elapsed", "duration", "start", "args", "rand", "ppid", "cgroup", "kstack", "ustack", "curtask"}

// keyKinds are the kinds of fields by which rows of a table are told apart.
var keyKinds = []string{"comm", "enum", "name", "cpu"}

// pointee is what there is to show of a struct that an argument leads to. In an expression
// X is the argument; a format stands behind a bar.
type pointee struct {
	field   string // its name; NAME in it is the argument's
	expr    string
	kind    string
	comment string
}

// structs says by the tag of a struct what a pointer to it is worth. A line that a kernel
// does not have falls away in the draft's check.
var structs = map[string][]pointee{
	"sock":                 socket("X"),
	"inet_sock":            socket("(struct sock *) X"),
	"inet_connection_sock": socket("(struct sock *) X"),
	"tcp_sock":             socket("(struct sock *) X"),
	"udp_sock":             socket("(struct sock *) X"),
	"sock_common":          {{"flow", "flow((struct sock *) X)", "flow", ""}, {"state", "(tcp_state) X.skc_state", "enum", ""}},
	"socket":               socket("X.sk"),
	"sk_buff":              {{"NAME_len", "X.len | size", "number", "bytes of the packet"}, {"NAME_protocol", "(ethertype) X.protocol", "enum", ""}},
	"file":                 {{"file", "str(X.f_path.dentry.d_name.name)", "name", "its name, without the directories"}, {"inode", "X.f_inode.i_ino", "number", ""}},
	"dentry":               {{"NAME_name", "str(X.d_name.name)", "name", "its name, without the directories"}},
	"path":                 {{"NAME_name", "str(X.dentry.d_name.name)", "name", "its name, without the directories"}},
	"inode":                {{"NAME", "X.i_ino", "number", "the inode's number"}, {"NAME_mode", "X.i_mode | mode", "number", ""}},
	"filename":             {{"NAME", "str(X.name)", "name", ""}},
	"qstr":                 {{"NAME", "str(X.name)", "name", ""}},
	"task_struct":          {{"NAME_pid", "X.tgid", "pid", "the kernel's tgid"}, {"NAME_comm", "X.comm", "comm", ""}},
	"linux_binprm":         {{"file", "str(X.filename)", "name", "what is executed"}},
	"request":              {{"sector", "X.__sector", "number", ""}, {"bytes", "X.__data_len | size", "number", ""}, {"disk", "X.q.disk.disk_name", "name", ""}},
	"bio":                  {{"sector", "X.bi_iter.bi_sector", "number", ""}, {"bytes", "X.bi_iter.bi_size | size", "number", ""}},
	"net_device":           {{"NAME_name", "X.name", "name", ""}},
	"super_block":          {{"NAME_id", "X.s_id", "name", "the device, as the kernel calls it"}},
	"vm_area_struct":       {{"NAME_start", "X.vm_start | hex", "number", ""}, {"NAME_end", "X.vm_end | hex", "number", ""}},
	"mm_struct":            {{"NAME_pages", "X.total_vm", "number", "of the address space"}},
	"module":               {{"NAME", "X.name", "name", ""}},
	"kernel_clone_args":    {{"flags", "(clone_flags) X.flags", "number", ""}},
	"irqaction":            {{"NAME", "str(X.name)", "name", ""}},
	"msghdr":               {{"NAME_flags", "(message_flags) X.msg_flags", "number", ""}},
	"kiocb":                {{"file", "str(X.ki_filp.f_path.dentry.d_name.name)", "name", "its name, without the directories"}, {"NAME_pos", "X.ki_pos", "number", ""}},
	"cgroup":               {{"NAME_id", "X.kn.id", "number", ""}, {"NAME_name", "str(X.kn.name)", "name", ""}},
	"work_struct":          {{"NAME_func", "ksym(X.func)", "number", "what is to be done"}},
	"timer_list":           {{"NAME_func", "ksym(X.function)", "number", "what is called"}},
	"hrtimer":              {{"NAME_func", "ksym(X.function)", "number", "what is called"}},
	"bpf_map":              {{"id", "X.id", "number", ""}, {"name", "X.name", "name", ""}, {"entries", "X.max_entries", "number", ""}},
	"bpf_prog":             {{"id", "X.aux.id", "number", ""}, {"name", "X.aux.name", "name", ""}, {"instructions", "X.len", "number", ""}},
	"bpf_link":             {{"id", "X.id", "number", ""}},
	"netlink_sock":         {{"portid", "X.portid", "number", ""}, {"groups", "X.ngroups", "number", ""}},
	"unix_sock":            {{"inode", "X.sk.sk_socket.file.f_inode.i_ino", "number", ""}},
	"kmem_cache":           {{"name", "str(X.name)", "name", ""}, {"bytes", "X.object_size | size", "number", ""}},
	"fib6_info":            {{"metric", "X.fib6_metric", "number", ""}},
	"kallsym_iter":         {{"name", "X.name", "name", ""}},
	"dma_buf":              {{"bytes", "X.size | size", "number", ""}},
	"page":                 {{"NAME_flags", "X.flags | hex", "number", ""}},
	"folio":                {{"NAME_flags", "X.flags | hex", "number", ""}},
}

// socket is what there is to show of a socket.
func socket(x string) []pointee {
	return []pointee{
		{"owner", "owner(" + x + ")", "owner", "the process that opened the socket"},
		{"flow", "flow(" + x + ")", "flow", "addresses and ports, this side first"},
	}
}

// named says by a number's name, and where it can be by its type too, what it means.
var named = []struct {
	name    string // of the argument, a regular expression
	typedef string // of its type, "" for any
	probe   string // a part of the probe, "" for any
	format  string // behind the bar
	cast    string // or before the number
	kind    string
}{
	{name: `^flags$`, probe: "open", cast: "open_flags", kind: "number"},
	{name: `^(clone_)?flags$`, probe: "clone", cast: "clone_flags", kind: "number"},
	{name: `^flags$`, probe: "syscall:mmap", cast: "map_flags", kind: "number"},
	{name: `^flags$`, probe: "syscall:send", cast: "message_flags", kind: "number"},
	{name: `^flags$`, probe: "syscall:recv", cast: "message_flags", kind: "number"},
	{name: `^prot$`, cast: "memory_protection", kind: "number"},
	{name: `^(old|new)?state$`, probe: "sock", cast: "tcp_state", kind: "enum"},
	{name: `^state$`, probe: "tcp", cast: "tcp_state", kind: "enum"},
	{name: `^family$`, cast: "address_family", kind: "enum"},
	{name: `^protocol$`, probe: "skb", cast: "ethertype", kind: "enum"},
	{name: `^protocol$`, probe: "sock", cast: "ip_protocol", kind: "enum"},
	{name: `^whence$`, cast: "seek_whence", kind: "enum"},
	{name: `^(vec|vec_nr)$`, probe: "softirq", cast: "softirq", kind: "enum"},
	{name: `^sig(nal|nr)?$`, format: "signal", kind: "enum"},
	{name: `^(id|nr|__syscall_nr)$`, probe: "raw_syscalls", format: "syscall", kind: "name"},
	{name: `^(id)$`, probe: "rawtracepoint:sys_enter", format: "syscall", kind: "name"},
	{name: `.`, typedef: "umode_t", format: "mode", kind: "number"},
	{name: `.`, typedef: "dev_t", format: "dev", kind: "number"},
	{name: `.`, typedef: "gfp_t", format: "hex", kind: "number"},
	{name: `^(flags|gfp|gfp_flags|addr|address|ip|pc|caller_ip|call_site|ptr)$`, format: "hex", kind: "number"},
	{name: `(^|_)(size|len|length|bytes|count|nbytes|bytes_req|bytes_alloc)$`, typedef: "size_t", format: "size", kind: "number"},
	{name: `(^|_)(bytes|bytes_req|bytes_alloc|data_len|copied)$`, format: "size", kind: "number"},
	{name: `(_ns|^delay|^runtime|latency)$`, format: "duration", kind: "number"},
	{name: `^(error|err|ret)$`, format: "errno", kind: "number"},
	{name: `^(sport|dport)$`, format: "port", kind: "number"},
}

// codes are names of pointers that lead to code, or hold the address of it.
var codes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(function|func|fn|location|caller|call_site|ip)$`) })

// meanings are the fields of an argument, none for one that says nothing by itself.
func meanings(expr string, a listing.Argument, probe string) []line {
	t := a.Type
	switch t.Kind {
	case ktype.Pointer:
		return pointed(expr, a)
	case ktype.Array:
		if a.Type.Len > 0 { // part of a tracepoint's record: this version cannot read it
			return nil
		}
		return listed(expr, a)
	case ktype.Enumer:
		return []line{{field: a.Name, expr: expr, kind: "enum"}}
	case ktype.Bool:
		return []line{{field: a.Name, expr: expr, kind: "enum"}}
	case ktype.Int:
		return []line{number(expr, a, probe)}
	}
	return nil
}

func pointed(expr string, a listing.Argument) []line {
	elem := a.Type.Elem()
	switch {
	case codes().MatchString(a.Name):
		return []line{{field: a.Name, expr: "ksym(" + expr + ")", kind: "number"}}
	case elem.Kind == ktype.Int && elem.Size == 1 && strings.HasSuffix(elem.Name, "char"):
		if strings.Contains(a.Name, "buf") || strings.Contains(a.Name, "data") { // bytes more often than text
			return nil
		}
		return []line{{field: a.Name, expr: "str(" + expr + ")", kind: "name"}}
	case elem.Kind == ktype.Struct:
		var found []line
		for _, p := range structs[elem.Name] {
			field := strings.ReplaceAll(p.field, "NAME", a.Name)
			found = append(found, line{field: field, expr: strings.ReplaceAll(p.expr, "X", expr), kind: p.kind, comment: p.comment})
		}
		if len(found) == 0 && !a.Type.User {
			found = telling(expr, a.Name, elem)
		}
		return found
	}
	return nil
}

// tellingNames are members by which most structs can be told apart.
var tellingNames = []string{"id", "name", "pid", "flags", "state", "type", "len", "size", "count"}

// telling is for a struct that the table does not have: what its members are called.
func telling(expr, name string, t ktype.Type) (found []line) {
	for _, m := range t.Members() {
		for _, want := range tellingNames {
			if m.Name != want {
				continue
			}
			one := line{field: name + "_" + m.Name, expr: expr + "." + m.Name, kind: "number"}
			switch {
			case m.Type.Kind == ktype.Int && want == "flags":
				one.expr += " | hex"
			case m.Type.Kind == ktype.Int || m.Type.Kind == ktype.Enumer:
			case m.Type.Kind == ktype.Array && m.Type.Elem().Size == 1 && want == "name":
				one.kind = "name"
			case m.Type.Kind == ktype.Pointer && m.Type.Elem().Size == 1 && want == "name":
				one.expr, one.kind = "str("+one.expr+")", "name"
			default:
				continue
			}
			found = append(found, one)
		}
	}
	return found
}

// listed is text at the end of a tracepoint's record.
func listed(expr string, a listing.Argument) []line {
	if elem := a.Type.Elem(); elem.Size == 1 && elem.Typedef == "" && strings.HasSuffix(elem.Name, "char") {
		return []line{{field: a.Name, expr: "str(" + expr + ")", kind: "name"}}
	}
	return nil
}

func number(expr string, a listing.Argument, probe string) line {
	one := line{field: a.Name, expr: expr, kind: "number"}
	if a.Type.BigEndian && a.Type.Size == 4 && strings.Contains(a.Name, "addr") {
		one.expr, one.kind = "ip("+expr+")", "address"
		return one
	}
	for _, n := range named {
		if n.typedef != "" && n.typedef != a.Type.Typedef || !strings.Contains(probe, n.probe) || !regexp.MustCompile(n.name).MatchString(a.Name) {
			continue
		}
		switch {
		case n.cast != "":
			one.expr = "(" + n.cast + ") " + expr
		case n.format != "":
			one.expr += " | " + n.format
		}
		one.kind = n.kind
		break
	}
	return one
}

// returned is what a return probe, or the end of a span, gives back.
func returned(a listing.Argument, probe string) []line {
	switch a.Type.Kind {
	case ktype.Pointer:
		return []line{{field: "returned", expr: "retval != 0", kind: "enum", comment: "whether there is a result"}}
	case ktype.Int, ktype.Bool, ktype.Enumer:
		one := line{field: "returned", expr: "retval", kind: "number"}
		if a.Type.Kind == ktype.Int && a.Type.Signed && a.Type.Size == 4 {
			one.expr, one.comment = "retval | errno", "below 0: an error"
		}
		return []line{one}
	}
	return nil
}
