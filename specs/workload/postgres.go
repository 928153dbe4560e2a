package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Query is one statement as PostgreSQL's own log tells of it.
type Query struct {
	PID  int           // of the backend, a process of one thread
	Text string        // as the client sent it
	Took time.Duration // from the message's arrival to the answer's last part, in whole µs
}

// ErrNoPostgres says that there is no PostgreSQL server to start.
var ErrNoPostgres = errors.New("no PostgreSQL server is installed: on Debian, apt-get install postgresql")

// PostgresProgram is the path of the server's program: the newest one where Debian's
// packages put theirs, which is not in $PATH, else the one in $PATH.
func PostgresProgram() (string, error) {
	newest, program := 0, ""
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	for _, path := range found {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && version > newest {
			newest, program = version, path
		}
	}
	if program != "" {
		return program, nil
	}
	if program, err = exec.LookPath("postgres"); err != nil {
		return "", ErrNoPostgres
	}
	return filepath.EvalSymlinks(program)
}

// Postgres is a database server of its own: its files are in a temporary directory, and
// its port is in a network namespace that nothing else is in.
type Postgres struct {
	bin     string // directory of the programs
	dir     string
	owner   *syscall.Credential
	network *network
	server  *exec.Cmd
	ended   chan error
	read    int // bytes of the log that Queries has read
}

// StartPostgres makes a database and starts its server, which logs how long each
// statement took (log_min_duration_statement = 0). It needs CAP_SYS_ADMIN. A server
// refuses to run as root; it then runs as the user postgres, else as nobody.
func StartPostgres(ctx context.Context) (_ *Postgres, err error) {
	program, err := PostgresProgram()
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: filepath.Dir(program)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if p.network, err = newNetwork(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "ebgen-postgres-"); err != nil {
		return nil, fmt.Errorf("make a database: %w", err)
	}
	if os.Geteuid() == 0 {
		if p.owner, err = postgresOwner(); err != nil {
			return nil, fmt.Errorf("make a database: %w", err)
		}
		if err := os.Chown(p.dir, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
			return nil, fmt.Errorf("make a database: %w", err)
		}
	}
	if err := p.run(p.program("initdb", "-D", p.data(), "-U", "ebgen", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")); err != nil {
		return nil, fmt.Errorf("make a database: %w", err)
	}
	return p, p.serve(ctx)
}

// postgresOwner is who a server runs as that is not to run as root.
func postgresOwner() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// program prepares one of PostgreSQL's own programs. It ends with this process.
func (p *Postgres) program(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.bin, name), args...)
	c.Dir = p.dir
	c.Env = []string{"PATH=" + p.bin, "LC_ALL=C", "TZ=UTC0", "PGCONNECT_TIMEOUT=60"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c
}

// run starts a program in the namespace and waits for it; what it says becomes the error.
func (p *Postgres) run(c *exec.Cmd) error {
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := p.network.do(c.Start); err != nil {
		return err
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(c.Path), err, strings.TrimSpace(said.String()))
	}
	return nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }
func (p *Postgres) log() string  { return filepath.Join(p.dir, "log") }

// serve starts the server and returns when it takes connections.
func (p *Postgres) serve(ctx context.Context) error {
	log, err := os.Create(p.log())
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer log.Close()
	args := []string{"-D", p.data()}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "autovacuum=off",
		"logging_collector=off", "log_destination=stderr", "log_line_prefix=%p ", "log_min_duration_statement=0",
	} {
		args = append(args, "-c", setting)
	}
	server := p.program("postgres", args...)
	server.Stderr = log
	if err := p.network.do(server.Start); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	p.server, p.ended = server, make(chan error, 1)
	go func() { p.ended <- server.Wait() }()
	err = wait(ctx, "PostgreSQL to take connections", func() (bool, error) {
		select {
		case err := <-p.ended:
			p.ended <- err
			return false, fmt.Errorf("it ended: %v", err)
		default:
		}
		text, err := os.ReadFile(p.log())
		return strings.Contains(string(text), "database system is ready to accept connections"), err
	})
	if err != nil {
		text, _ := os.ReadFile(p.log())
		return fmt.Errorf("start PostgreSQL: %w\n%s", err, text)
	}
	return nil
}

// Queries has psql send the statements one by one, on one connection over loopback, and
// returns them as the server logged them. A statement stands on one line and ends with a
// semicolon; one that fails ends the connection. When it returns the backend has ended.
func (p *Postgres) Queries(statements []string) ([]Query, error) {
	c := p.program("psql", "-X", "-q", "-h", "127.0.0.1", "-U", "ebgen", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-o", os.DevNull, "-f", "-")
	c.Stdin = strings.NewReader(strings.Join(statements, "\n") + "\n")
	if err := p.serveOne(c); err != nil {
		return nil, err
	}
	// A line is in the log before the server says that it is ready for the next statement
	// (check_log_duration in exec_simple_query, src/backend/tcop/postgres.c, PostgreSQL 15).
	text, err := os.ReadFile(p.log())
	if err != nil {
		return nil, err
	}
	said := string(text[p.read:])
	p.read = len(text)
	return loggedQueries(said)
}

// Bench has pgbench run a script of its own as often as transactions says, on one connection,
// by one of the protocols that it calls simple, extended and prepared. The last two send a
// statement apart from its parameters; prepared sends it once, ahead of the first transaction.
// When it returns the backend has ended.
func (p *Postgres) Bench(protocol, script string, transactions int) error {
	file := filepath.Join(p.dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return err
	}
	return p.serveOne(p.program("pgbench", "-n", "-M", protocol, "-t", strconv.Itoa(transactions), "-f", file, "-h", "127.0.0.1", "-U", "ebgen", "postgres"))
}

// serveOne runs a client, and waits until the server has none any more: a client has its
// last answer, and may be gone, while the backend is still in the call that sent it.
func (p *Postgres) serveOne(client *exec.Cmd) error {
	if err := p.run(client); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return wait(ctx, "the server's backends to end", func() (bool, error) {
		backends, err := p.backends()
		return backends == 0, err
	})
}

// backends counts the server's processes for clients of ours: they are its children, and say
// their user in their title. One that is ending has no title any more.
func (p *Postgres) backends() (n int, err error) {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", p.server.Process.Pid))
	if err != nil {
		return 0, err
	}
	for _, pid := range strings.Fields(string(children)) {
		title, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if strings.HasPrefix(string(title), "postgres: ebgen ") {
			n++
		}
	}
	return n, nil
}

// logged is a line of the log about a statement, with the prefix "%p ".
var logged = regexp.MustCompile(`(?m)^([0-9]+) LOG:  duration: ([0-9]+)\.([0-9]{3}) ms  statement: (.*)$`)

func loggedQueries(log string) (list []Query, err error) {
	for _, m := range logged.FindAllStringSubmatch(log, -1) {
		pid, pidErr := strconv.Atoi(m[1])
		micros, tookErr := strconv.ParseInt(m[2]+m[3], 10, 64)
		if err := errors.Join(pidErr, tookErr); err != nil {
			return nil, fmt.Errorf("PostgreSQL's log: %w", err)
		}
		list = append(list, Query{PID: pid, Text: m[4], Took: time.Duration(micros) * time.Microsecond})
	}
	return list, nil
}

// Close ends the server at once and removes its files.
func (p *Postgres) Close() error {
	var err error
	if p.server != nil {
		// SIGQUIT is an immediate shutdown, of the backends too (postgres(1)).
		err = p.server.Process.Signal(syscall.SIGQUIT)
		<-p.ended // exits with 2 then, which says nothing
	}
	if p.network != nil {
		p.network.close()
	}
	if p.dir != "" {
		err = errors.Join(err, os.RemoveAll(p.dir))
	}
	return err
}
