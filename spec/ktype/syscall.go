package ktype

const syscallCategory = "syscalls"

func (k *Kernel) Syscall(name string) (*Signature, error) { return nil, ErrNotFound }

func (k *Kernel) syscallFormat(name string) (*Format, error) { return nil, ErrNotFound }
