package plan

// MemberPath is one kernel member that the C of a function reads.
type MemberPath struct {
	Keyword string // struct or union
	Tag     string // of the struct that the path starts at
	Path    string // named members joined by dots, no pointer between them
	Type    string // of the last member, as the kernel declares it
}

// Needs lists what the C of a function or builtin reads beside what the spec itself
// names: the checker adds these members to Plan.Structs. owner includes the programs
// that note who opens sockets.
var Needs = map[string][]MemberPath{
	"ustack": {
		{"struct", "task_struct", "self_exec_id", "u64"},
		{"struct", "task_struct", "group_leader", "struct task_struct *"},
		{"struct", "task_struct", "start_boottime", "u64"},
		{"struct", "task_struct", "mm", "struct mm_struct *"},
		{"struct", "task_struct", "flags", "unsigned int"},
		{"struct", "task_struct", "real_parent", "struct task_struct *"},
		{"struct", "task_struct", "tgid", "pid_t"},
		{"struct", "mm_struct", "start_code", "unsigned long"},
		{"struct", "mm_struct", "arg_start", "unsigned long"},
	},
	"ppid": {
		{"struct", "task_struct", "real_parent", "struct task_struct *"},
		{"struct", "task_struct", "tgid", "pid_t"},
	},
	"flow": {
		{"struct", "sock", "__sk_common.skc_family", "unsigned short"},
		{"struct", "sock", "__sk_common.skc_rcv_saddr", "__be32"},
		{"struct", "sock", "__sk_common.skc_daddr", "__be32"},
		{"struct", "sock", "__sk_common.skc_num", "__u16"},
		{"struct", "sock", "__sk_common.skc_dport", "__be16"},
		{"struct", "sock", "__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8", "__u8[16]"},
		{"struct", "sock", "__sk_common.skc_v6_daddr.in6_u.u6_addr8", "__u8[16]"},
	},
	"flow of a packet": {
		{"struct", "sk_buff", "head", "unsigned char *"},
		{"struct", "sk_buff", "network_header", "__u16"},
		{"struct", "sk_buff", "protocol", "__be16"},
	},
	"path": {
		{"struct", "file", "f_path", "struct path"},
		{"struct", "path", "dentry", "struct dentry *"},
		{"struct", "path", "mnt", "struct vfsmount *"},
		{"struct", "dentry", "d_parent", "struct dentry *"},
		{"struct", "dentry", "d_name.len", "u32"},
		{"struct", "dentry", "d_name.name", "const unsigned char *"},
		{"struct", "dentry", "d_hash.pprev", "struct hlist_bl_node **"},
		{"struct", "dentry", "d_sb", "struct super_block *"},
		{"struct", "super_block", "s_type", "struct file_system_type *"},
		{"struct", "file_system_type", "name", "const char *"},
		{"struct", "vfsmount", "mnt_root", "struct dentry *"},
		{"struct", "mount", "mnt", "struct vfsmount"},
		{"struct", "mount", "mnt_parent", "struct mount *"},
		{"struct", "mount", "mnt_mountpoint", "struct dentry *"},
	},
	"path of a cgroup": {
		{"struct", "cgroup", "kn", "struct kernfs_node *"},
		{"struct", "kernfs_node", "name", "const char *"},
		{"struct", "kernfs_node", "parent", "struct kernfs_node *"},
		{"struct", "kernfs_node", "__parent", "struct kernfs_node *"}, // Linux 6.15
	},
	"owner": {
		{"struct", "sock", "__sk_common.skc_family", "unsigned short"},
		{"struct", "sock", "__sk_common.skc_state", "volatile unsigned char"},
		{"struct", "sock", "sk_socket", "struct socket *"},
		{"struct", "sock", "sk_type", "u16"},
		{"struct", "sock", "sk_protocol", "u16"},
		{"struct", "socket", "sk", "struct sock *"},
		{"struct", "socket_alloc", "vfs_inode.i_ino", "unsigned long"},
		{"struct", "task_struct", "tgid", "pid_t"},
		{"struct", "task_struct", "comm", "char[16]"},
		{"struct", "task_struct", "group_leader", "struct task_struct *"},
		{"struct", "task_struct", "files", "struct files_struct *"},
		{"struct", "files_struct", "fdt", "struct fdtable *"},
		{"struct", "fdtable", "fd", "struct file **"},
		{"struct", "file", "f_inode", "struct inode *"},
		{"struct", "file", "private_data", "void *"},
		{"struct", "inode", "i_mode", "umode_t"},
	},
}
