package specs_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestBuilt runs the executables that `ebgen build` has made for several kernels, on this
// one, and wants of each what its spec says. Where EBGEN_BUILT names no folder with them,
// testdata/script/build.txtar of cmd/ebgen says the same of this machine alone.
func TestBuilt(t *testing.T) {
	if os.Getenv("EBGEN_BUILT") == "" {
		t.Skip("EBGEN_BUILT names no built tracers")
	}
	t.Run("opensnoop", func(t *testing.T) {
		const calls = 37
		var made []workload.Opened
		comm := own("opener")
		got := runBuilt(t, func(ctx context.Context) (err error) {
			made, err = workload.Opens(ctx, comm, calls)
			return err
		}, "opensnoop", "--comm", comm)
		if len(got) != calls || len(made) != calls {
			t.Fatalf("%d records of %d opens, want %d", len(got), len(made), calls)
		}
		for i, r := range got {
			if r["file"] != made[i].Path || number(r["pid"]) != made[i].PID {
				t.Errorf("record %d is %v, want %v", i, r, made[i])
			}
		}
	})
	t.Run("tcpretrans", func(t *testing.T) {
		repeated(t, func() []comparison {
			var made []workload.Made
			got := runBuilt(t, func(ctx context.Context) (err error) {
				made, err = workload.Retransmits(ctx, workload.Options{Flows: flows})
				return err
			}, "tcpretrans")
			return []comparison{{"tcpretrans", shown(t, traced{records: got}, made), lines(made)}}
		})
	})
}

// runBuilt runs a built tracer while events are made, and returns its records.
func runBuilt(t *testing.T, events func(context.Context) error, name string, args ...string) []map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv("EBGEN_BUILT"), name), append(args, "-o", "json")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "tracing ") {
		said.WriteString(lines.Text() + "\n")
	}
	made := events(ctx)
	err = cmd.Process.Signal(unix.SIGINT)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
	}
	if err := errors.Join(made, err, cmd.Wait()); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	var records []map[string]any
	d := json.NewDecoder(&out)
	d.UseNumber()
	for d.More() {
		record := map[string]any{}
		if err := d.Decode(&record); err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return records
}
