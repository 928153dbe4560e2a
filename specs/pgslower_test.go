package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// postgres starts a database server, which ends with the test.
func postgres(t *testing.T) *workload.Postgres {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("tracing needs root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // making a database takes long in an emulated guest
	defer cancel()
	p, err := workload.StartPostgres(ctx)
	if errors.Is(err, workload.ErrNoPostgres) {
		missing(t, err)
	}
	if errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// everyQuery has pgslower leave none out.
var everyQuery = map[string][]string{"over": {"0s"}}

// agreement is how far the times of pgslower and of PostgreSQL's log lie apart: half of the
// queries by at most this. An emulated guest is slow, between two clocks too.
func agreement() time.Duration {
	if os.Getenv("EBGEN_VM") != "" {
		return 20 * time.Millisecond
	}
	return time.Millisecond
}

// The answer to `select repeat('x', n) as a` has so many bytes besides the n of its text: a
// RowDescription of one column, a DataRow, CommandComplete with "SELECT 1" and ReadyForQuery
// (PostgreSQL 15 documentation, 55.7 Message Formats).
const aroundText = (1 + 4 + 2 + 2 + 18) + (1 + 4 + 2 + 4) + (1 + 4 + 9) + (1 + 4 + 1)

// partSize is how much of an answer PostgreSQL sends at a time (PQ_SEND_BUFFER_SIZE,
// src/backend/libpq/pqcomm.c, PostgreSQL 15).
const partSize = 8192

func TestPgslower(t *testing.T) {
	server := postgres(t)
	t.Run("statements", func(t *testing.T) { wantStatements(t, server) })
	for _, one := range []struct {
		protocol string
		query    string
		prepared int
	}{
		{"simple", "select 0 + 1009;", 0},
		{"extended", "select $1 + 1009;", 0},
		{"prepared", "select $1 + 1009;", 1},
	} {
		t.Run(one.protocol, func(t *testing.T) { wantTransactions(t, server, one.protocol, one.query, one.prepared) })
	}
}

// wantStatements wants each of 101 queries with its text, the bytes of its answer and in how
// many parts they were sent, and a duration that PostgreSQL's own log agrees with.
func wantStatements(t *testing.T, server *workload.Postgres) {
	const queries = 101
	var statements []string
	var bytes []int
	for i := range queries {
		text := 7 + 3*i*i // some of several parts
		statements = append(statements, fmt.Sprintf("select repeat('x', %d) as a from pg_sleep(0.00%d) where 'it''s %d' <> '';", text, i%7, i))
		bytes = append(bytes, aroundText+text)
	}
	var logged []workload.Query
	got := trace(t, everyQuery, func(context.Context) (err error) {
		logged, err = server.Queries(statements)
		return err
	}, "pgslower")[0]
	if len(logged) != queries {
		t.Fatalf("the log has %d queries, want %d", len(logged), queries)
	}
	records := of(logged[0].PID, got.records)
	if len(records) != queries {
		t.Fatalf("%d records, want %d", len(records), queries)
	}
	var apart []time.Duration
	for i, r := range records {
		took, sending := time.Duration(number(r["took"])), time.Duration(number(r["sending"]))
		if parts := (bytes[i] + partSize - 1) / partSize; r["query"] != statements[i] || number(r["executed"]) != 1 ||
			number(r["sent"]) != bytes[i] || number(r["sends"]) < parts {
			t.Errorf("query %d is %v, want %q with an answer of %d bytes in %d parts", i, r, statements[i], bytes[i], parts)
		}
		if asked := time.Duration(i%7) * time.Millisecond; sending <= 0 || took < asked+sending {
			t.Errorf("query %d took %v, of which it sent %v and slept %v", i, took, sending, asked)
		}
		apart = append(apart, (took - logged[i].Took).Abs())
	}
	slices.Sort(apart)
	t.Logf("apart from PostgreSQL's log: half of the queries at most %v, all at most %v; sent by %s", apart[queries/2], apart[queries-1], attached(got.log, "tcp_sendmsg |"))
	if apart[queries/2] > agreement() {
		t.Errorf("half of the queries are more than %v apart from PostgreSQL's log", agreement())
	}
}

// attached is what the log of a run says that a probe was attached as.
func attached(log []string, probe string) string {
	for _, line := range log {
		if _, as, ok := strings.Cut(line, ": attached as "); ok && strings.Contains(line, probe) {
			as, _, _ = strings.Cut(as, ",")
			return as
		}
	}
	return "nothing"
}

// wantTransactions wants a query with parameters once, although it comes in three messages,
// and one that is prepared once more, not executed.
func wantTransactions(t *testing.T, server *workload.Postgres, protocol, query string, prepared int) {
	const transactions = 37
	got := trace(t, everyQuery, func(context.Context) error {
		return server.Bench(protocol, "select :client_id + 1009;\n", transactions)
	}, "pgslower")[0]
	times := map[int]int{} // by how often the query was executed
	for _, r := range got.records {
		if r["query"] == query { // else of another server
			times[number(r["executed"])]++
		}
	}
	if times[1] != transactions || times[0] != prepared {
		t.Errorf("%d executed and %d prepared, want %d and %d of %q: %v", times[1], times[0], transactions, prepared, query, got.records)
	}
}
