package servers

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Cluster is a control plane without machines: etcd, API server, controller
// manager and scheduler. Pods are scheduled and never run, unless a test says
// that they do.
type Cluster struct {
	URL    string // https://127.0.0.1:PORT
	CAFile string
	Token  string // of an administrator
	client *http.Client
}

// ClusterOptions of one control plane.
type ClusterOptions struct {
	// Tokens are users beside the administrator: token to user name. They may do
	// nothing until a role says so.
	Tokens map[string]string
}

// Kubernetes starts a control plane; it ends with the test.
func Kubernetes(t testing.TB, o ClusterOptions) *Cluster {
	t.Helper()
	command := built(t, "kubernetes", "HOLDFAST_TEST_KUBERNETES")
	dir := t.TempDir()
	client, peer := "http://"+FreeAddress(t), "http://"+FreeAddress(t)
	start(t, dir, client+"/health", command, "etcd", "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)

	c := &Cluster{Token: "administrator-" + rand.Text(), CAFile: filepath.Join(dir, "certs", "apiserver.crt")}
	tokens := c.Token + ",admin,admin,system:masters\n"
	for token, user := range o.Tokens {
		tokens += fmt.Sprintf("%s,%s,%s\n", token, user, user)
	}
	private, public := keyPair(t, dir)
	address := FreeAddress(t)
	host, port := split(t, address)
	c.URL = "https://" + address
	c.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}}
	run(t, dir, "kube-apiserver", c.answers("/readyz"), command, "kube-apiserver",
		"--etcd-servers", client, "--bind-address", host, "--advertise-address", host, "--secure-port", strconv.Itoa(port),
		"--cert-dir", filepath.Join(dir, "certs"), "--token-auth-file", writeFile(t, dir, "tokens.csv", tokens),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", public, "--service-account-signing-key-file", private,
		"--authorization-mode", "Node,RBAC", "--service-cluster-ip-range", "10.0.0.0/24", "--endpoint-reconciler-type", "none", "--v", "0")

	kubeconfig := c.Kubeconfig(t, c.Token)
	for _, part := range []struct {
		name string
		args []string
	}{
		{"kube-controller-manager", []string{
			"--service-account-private-key-file", private, "--root-ca-file", c.CAFile,
			"--controllers", "*,-nodeipam,-cloud-node-lifecycle,-service-lb-controller,-node-route-controller,-node-lifecycle-controller,-taint-eviction-controller",
		}},
		{"kube-scheduler", nil},
	} {
		address := FreeAddress(t)
		host, port := split(t, address)
		args := append([]string{
			part.name, "--kubeconfig", kubeconfig, "--bind-address", host, "--secure-port", strconv.Itoa(port),
			"--cert-dir", filepath.Join(dir, "certs-"+part.name), "--leader-elect=false",
		}, part.args...)
		healthy := func(ctx context.Context) error { return c.get(ctx, "https://"+address+"/healthz", "") }
		run(t, dir, part.name, healthy, command, args...)
	}
	return c
}

// Kubeconfig writes a kubeconfig for a token and returns its path.
func (c *Cluster) Kubeconfig(t testing.TB, token string) string {
	t.Helper()
	return writeFile(t, t.TempDir(), "kubeconfig", map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{"server": c.URL, "certificate-authority": c.CAFile}}},
		"users":    []any{map[string]any{"name": "test", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "test"}}},
	})
}

// Create posts an object, given as JSON or anything that encodes to it, to a
// path of the API such as /api/v1/namespaces/shop/pods.
func (c *Cluster) Create(t testing.TB, path string, object any) {
	t.Helper()
	c.send(t, http.MethodPost, path, "application/json", object)
}

// Patch merges into an object; path may end in /status.
func (c *Cluster) Patch(t testing.TB, path string, patch any) {
	t.Helper()
	c.send(t, http.MethodPatch, path, "application/merge-patch+json", patch)
}

// Get reads an object or a list.
func (c *Cluster) Get(t testing.TB, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := c.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

func (c *Cluster) send(t testing.TB, method, path, content string, v any) {
	t.Helper()
	body, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		body = string(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.URL+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", content)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := c.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %s: HTTP %d: %s", method, path, resp.StatusCode, strings.TrimSpace(string(text)))
	}
}

func (c *Cluster) answers(path string) func(context.Context) error {
	return func(ctx context.Context) error { return c.get(ctx, c.URL+path, c.Token) }
}

func (c *Cluster) get(ctx context.Context, url, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return nil
}

// keyPair makes the key that signs service accounts' tokens.
func keyPair(t testing.TB, dir string) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private = writeFile(t, dir, "sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	public = writeFile(t, dir, "sa.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	return private, public
}
