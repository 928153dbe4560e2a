package plan

// MemberPath is one kernel member that a template of package gen/c reads.
type MemberPath struct {
	Struct string // the tag of the struct that the path starts at
	Path   string // named members joined by dots, no pointer between them
	Type   string // of the last member, as the kernel declares it
}

// Needs lists what the C of a function, of a builtin and of the programs that note
// socket owners reads beside what the spec itself names: the checker adds these
// members to Plan.Structs. The key "owners" is for a plan with Owners.
var Needs = map[string][]MemberPath{
	"ppid": {
		{"task_struct", "real_parent", "struct task_struct *"},
		{"task_struct", "tgid", "pid_t"},
	},
	"flow": {
		{"sock", "__sk_common.skc_family", "unsigned short"},
		{"sock", "__sk_common.skc_rcv_saddr", "__be32"},
		{"sock", "__sk_common.skc_daddr", "__be32"},
		{"sock", "__sk_common.skc_num", "__u16"},
		{"sock", "__sk_common.skc_dport", "__be16"},
		{"sock", "__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8", "__u8 [16]"},
		{"sock", "__sk_common.skc_v6_daddr.in6_u.u6_addr8", "__u8 [16]"},
	},
	"owner": {
		{"sock", "__sk_common.skc_family", "unsigned short"},
		{"sock", "__sk_common.skc_state", "volatile unsigned char"},
		{"sock", "sk_socket", "struct socket *"},
		{"sock", "sk_type", "u16"},
		{"sock", "sk_protocol", "u16"},
		{"socket_alloc", "vfs_inode.i_ino", "unsigned long"},
	},
	"owners": {
		{"socket", "sk", "struct sock *"},
		{"socket_alloc", "vfs_inode.i_ino", "unsigned long"},
		{"task_struct", "tgid", "pid_t"},
		{"task_struct", "comm", "char [16]"},
		{"task_struct", "group_leader", "struct task_struct *"},
		{"task_struct", "files", "struct files_struct *"},
		{"files_struct", "fdt", "struct fdtable *"},
		{"fdtable", "fd", "struct file **"},
		{"file", "f_inode", "struct inode *"},
		{"file", "private_data", "void *"},
		{"inode", "i_mode", "umode_t"},
	},
}
