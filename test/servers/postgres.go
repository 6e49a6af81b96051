package servers

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresStart is how long a fresh PostgreSQL may take to answer.
const postgresStart = 30 * time.Second

// Postgres starts a PostgreSQL of its own on a free port of the loopback
// interface, with its data in a temporary folder, and returns a DSN. It ends
// with the test. Tests share one server by giving each its own PostgresSchema.
// Settings are "name=value", as in postgresql.conf.
func Postgres(t testing.TB, settings ...string) (dsn string) {
	t.Helper()
	bin := postgresBin(t)
	dir := postgresDir(t, postgresUser(t))
	data := filepath.Join(dir, "data")
	initdb := asPostgresUser(t, exec.Command(filepath.Join(bin, "initdb"),
		"--pgdata", data, "--username", "holdfast", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"))
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := postgresPort(t)
	logFile, err := os.Create(filepath.Join(dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_connections=200",
	}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	cmd := asPostgresUser(t, exec.Command(filepath.Join(bin, "postgres"), args...))
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // fast shutdown: sessions are ended
		_ = cmd.Wait()
		_ = logFile.Close()
	})
	dsn = fmt.Sprintf("postgres://holdfast@127.0.0.1:%d/postgres?sslmode=disable", port)
	if err := awaitPostgres(dsn); err != nil {
		text, _ := os.ReadFile(logFile.Name())
		t.Fatalf("PostgreSQL does not answer: %v\n%s", err, text)
	}
	return dsn
}

// PostgresSchema makes an empty schema for this test and returns dsn with it as
// the only one searched.
func PostgresSchema(t testing.TB, dsn string) string {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	inDatabase(t, dsn, `CREATE SCHEMA `+name)
	t.Cleanup(func() { inDatabase(t, dsn, `DROP SCHEMA `+name+` CASCADE`) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func inDatabase(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), postgresStart)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// postgresPort is a port that was free a moment ago.
func postgresPort(t testing.TB) int {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("listening on %v", l.Addr())
	}
	return addr.Port
}

func awaitPostgres(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), postgresStart)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// postgresBin finds Debian's newest PostgreSQL from version 15 on.
func postgresBin(t testing.TB) string {
	t.Helper()
	for version := 20; version >= 15; version-- {
		dir := fmt.Sprintf("/usr/lib/postgresql/%d/bin", version)
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	t.Fatal("PostgreSQL 15 or later is not installed: apt-get install postgresql-15")
	return ""
}

// postgresUser is whom the server runs as: PostgreSQL refuses to run as root.
func postgresUser(t testing.TB) *user.User {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return u
		}
	}
	t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

func postgresIDs(t testing.TB, u *user.User) (uid, gid int) {
	t.Helper()
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err = strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

func asPostgresUser(t testing.TB, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	if u := postgresUser(t); u != nil {
		uid, gid := postgresIDs(t, u)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return cmd
}

// postgresDir is a folder below the system's temporary one that u can reach;
// those of testing are closed to other users.
func postgresDir(t testing.TB, u *user.User) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil && !strings.Contains(err.Error(), "not empty") {
			t.Error(err)
		}
	})
	if u != nil {
		uid, gid := postgresIDs(t, u)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
