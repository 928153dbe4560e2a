package specs_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestThreadsnoop wants each thread that a program starts, and the function that it runs.
func TestThreadsnoop(t *testing.T) {
	var p *process
	got := trace(t, map[string][]string{"comm": {"threads"}}, rounds(t, "threads", 1, &p), "threadsnoop")[0]
	records := of(p.Process.Pid, got.records)
	if len(records) != 37 {
		t.Fatalf("%d threads, want 37", len(records))
	}
	for i, r := range records {
		want := "thread_even"
		if i%3 == 0 {
			want = "thread_odd"
		}
		if f := fmt.Sprint(r["function"]); !strings.Contains(f, want) || r["comm"] != "threads" {
			t.Errorf("thread %d is %v, want one of %s", i, r, want)
		}
	}
}

// TestSslsniff wants both ends' handshakes and each message that is written and read, with
// its size, by either kind of function; and nothing of a read that finds nothing.
func TestSslsniff(t *testing.T) {
	var p *process
	got := trace(t, map[string][]string{"comm": {"tls"}}, rounds(t, "tls", 1, &p), "sslsniff")[0]
	records := of(p.Process.Pid, got.records)
	if len(records) != 2+2*37 {
		t.Fatalf("%d calls, want 2 handshakes, 37 writes and 37 reads: %v", len(records), records)
	}
	for i, r := range records {
		call, bytes := "handshake", 0
		if i >= 2 {
			call, bytes = []string{"write", "read"}[i%2], 101+17*((i-2)/2)
		}
		if r["call"] != call || number(r["bytes"]) != bytes || number(r["took"]) <= 0 {
			t.Errorf("call %d is %v, want %s of %d bytes", i, r, call, bytes)
		}
	}
}

// TestMySQL wants the queries of a server that took longer than was said, with their texts,
// and no other command: of MySQL and of MariaDB, by their functions and by USDT probes.
func TestMySQL(t *testing.T) {
	for name, server := range map[string]string{
		"mysqld_qslower_mysqld": "mysqld", "mysqld_qslower_mariadbd": "mariadbd", "dbslower_mysqld": "mysqld",
	} {
		for _, over := range []time.Duration{0, 9900 * time.Microsecond} {
			t.Run(fmt.Sprintf("%s_%v", name, over), func(t *testing.T) {
				var p *process
				got := trace(t, map[string][]string{"over": {over.String()}}, rounds(t, server, 1, &p), name)[0]
				want := map[string]time.Duration{}
				for ms := range 17 {
					want[fmt.Sprintf("select sleep(0.0%02d)", ms)] = time.Duration(ms) * time.Millisecond
				}
				for _, r := range of(p.Process.Pid, got.records) {
					query, took := r["query"].(string), time.Duration(number(r["took"]))
					if asked, ours := want[query]; !ours || took < asked || took < over {
						t.Errorf("a query is %v", r)
					}
					delete(want, query)
				}
				maps.DeleteFunc(want, func(_ string, asked time.Duration) bool { return asked < over })
				if len(want) > 0 {
					t.Errorf("of these there is no record: %v", want)
				}
			})
		}
	}
}

// TestDbslower wants each query of a PostgreSQL server with its text and time.
func TestDbslower(t *testing.T) {
	server := postgres(t)
	var statements []string
	for i := range 37 {
		statements = append(statements, fmt.Sprintf("select %d from pg_sleep(0.00%d);", i, i%7))
	}
	pid := 0
	got := trace(t, everyQuery, func(context.Context) error {
		logged, err := server.Queries(statements)
		if err == nil {
			pid = logged[0].PID
		}
		return err
	}, "dbslower")[0]
	records := of(pid, got.records)
	if len(records) != len(statements) {
		t.Fatalf("%d queries, want %d: %v", len(records), len(statements), got.records)
	}
	for i, r := range records {
		if asked := i % 7 * int(time.Millisecond); r["query"] != statements[i] || number(r["took"]) < asked {
			t.Errorf("query %d is %v, want %q", i, r, statements[i])
		}
	}
}
