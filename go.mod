module github.com/ebgen/ebgen

go 1.26.0

require (
	github.com/agnivade/levenshtein v1.2.2 // did you mean
	github.com/cilium/ebpf v0.22.0 // BTF, loading, attaching
	github.com/clipperhouse/displaywidth v0.11.0 // columns and carets line up under any script
	github.com/dave/jennifer v1.7.1 // Go source that is generated
	github.com/goccy/go-yaml v1.19.2 // the structure of YAML
	github.com/google/go-cmp v0.7.0 // tests
	github.com/google/pprof v0.0.0-20261105003125-4bf881d7fb0b // profile.proto
	github.com/ianlancetaylor/demangle v0.0.0-20260724033716-83e58baca724 // names of C++ and Rust
	github.com/klauspost/compress v1.20.3 // spec/unpack: zstd kernels
	github.com/pierrec/lz4/v4 v4.1.33 // spec/unpack: lz4 kernels
	github.com/rogpeppe/go-internal v1.16.0 // example: the difference of two texts; testscript and txtar, in tests
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // tests: the schema as another program reads it
	github.com/spf13/cobra v1.10.2 // commands
	github.com/spf13/pflag v1.0.10 // a flag for each parameter of a spec
	github.com/ulikunitz/xz v0.5.17 // spec/unpack: xz modules and BTF; symbols in .gnu_debugdata
	golang.org/x/arch v0.26.0 // lengths of instructions
	golang.org/x/sys v0.49.0 // system calls
)

require (
	github.com/BurntSushi/toml v1.6.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/cpuguy83/go-md2man/v2 v2.0.6 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	go.yaml.in/yaml/v3 v3.0.4 // indirect
	golang.org/x/exp/typeparams v0.0.0-20260209203927-2842357ff358 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/text v0.14.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)

tool honnef.co/go/tools/cmd/staticcheck
