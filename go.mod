module github.com/ebgen/ebgen

go 1.26.0

require (
	github.com/agnivade/levenshtein v1.2.2 // did you mean
	github.com/cilium/ebpf v0.22.0 // BTF, loading, attaching
	github.com/clipperhouse/displaywidth v0.11.0 // columns and carets line up under any script
	github.com/goccy/go-yaml v1.19.2 // the structure of YAML
	github.com/google/go-cmp v0.7.0 // tests
	github.com/klauspost/compress v1.20.3 // vm: zstd kernels
	github.com/pierrec/lz4/v4 v4.1.33 // vm: lz4 kernels
	github.com/rogpeppe/go-internal v1.16.0 // testscript and txtar, in tests
	github.com/spf13/cobra v1.10.2 // commands
	github.com/spf13/pflag v1.0.10 // a flag for each parameter of a spec
	github.com/ulikunitz/xz v0.5.17 // vm: xz modules
	golang.org/x/sys v0.49.0 // system calls
)

require (
	github.com/BurntSushi/toml v1.6.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20260209203927-2842357ff358 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)

tool honnef.co/go/tools/cmd/staticcheck
