//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/test/storm"
)

const (
	perPost = 20 // alerts
	clients = 16 // keep-alive connections
	senders = 1  // of the storm: more would let effects overtake their causes
)

// post is one request body, ready to be sent.
type post struct {
	body   []byte
	alerts int
}

// webhookPosts are the alerts as Alertmanager posts them to a receiver.
func webhookPosts(t *testing.T, alerts []storm.Alert) []post {
	return posts(t, alerts, func(batch []storm.Alert) any {
		list := make([]map[string]any, len(batch))
		for i, a := range batch {
			list[i] = map[string]any{
				"status": "firing", "labels": a.Labels, "annotations": a.Annotations, "fingerprint": a.Fingerprint,
				"startsAt": a.StartsAt, "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "https://prometheus.example.org/graph",
			}
		}
		return map[string]any{
			"version": "4", "groupKey": `{}:{alertname="` + batch[0].Labels["alertname"] + `"}`, "truncatedAlerts": 0,
			"status": "firing", "receiver": "holdfast", "groupLabels": map[string]string{}, "commonLabels": map[string]string{},
			"commonAnnotations": map[string]string{}, "externalURL": "https://alertmanager.example.org", "alerts": list,
		}
	})
}

// alertmanagerPosts are the same alerts as Prometheus posts them to Alertmanager.
func alertmanagerPosts(t *testing.T, alerts []storm.Alert) []post {
	return posts(t, alerts, func(batch []storm.Alert) any {
		list := make([]map[string]any, len(batch))
		for i, a := range batch {
			list[i] = map[string]any{
				"labels": a.Labels, "annotations": a.Annotations, "startsAt": a.StartsAt,
				"generatorURL": "https://prometheus.example.org/graph",
			}
		}
		return list
	})
}

func posts(t *testing.T, alerts []storm.Alert, encode func([]storm.Alert) any) []post {
	t.Helper()
	var out []post
	for batch := range slices.Chunk(alerts, perPost) {
		body, err := json.Marshal(encode(batch))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, post{body, len(batch)})
	}
	return out
}

// target is where posts go.
type target struct {
	url    string
	token  string // empty = none
	client *http.Client
}

func newTarget(url, token string) target {
	return target{url: url, token: token, client: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxConnsPerHost: clients, MaxIdleConnsPerHost: clients},
	}}
}

// send posts once; anything but 2xx is an error.
func (g target) send(p post) error {
	req, err := http.NewRequest(http.MethodPost, g.url, bytes.NewReader(p.body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if g.token != "" {
		req.Header.Set("Authorization", "Bearer "+g.token)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("HTTP %d: %s", resp.StatusCode, strings.TrimSpace(string(text)))
	}
	return err
}

// flood sends all posts over some connections as fast as the answers allow and
// returns how long it took. sent is called before each; nil = nobody cares.
func (g target) flood(t *testing.T, connections int, all []post, sent func(i int)) time.Duration {
	t.Helper()
	var next atomic.Int64
	began := time.Now()
	crowd(t, connections, func() error {
		for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
			if sent != nil {
				sent(i)
			}
			if err := g.send(all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(began)
}

// paced sends alerts at a rate and returns how long each post took from the
// moment when it was due: a post that had to wait for a connection counts its
// waiting.
func (g target) paced(t *testing.T, all []post, perSecond int) []time.Duration {
	t.Helper()
	gap := time.Second * perPost / time.Duration(perSecond)
	took := make([]time.Duration, len(all))
	var next atomic.Int64
	began := time.Now()
	crowd(t, clients, func() error {
		for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
			due := began.Add(time.Duration(i) * gap)
			time.Sleep(time.Until(due)) // the pace is what is asked for
			if err := g.send(all[i]); err != nil {
				return err
			}
			took[i] = time.Since(due)
		}
		return nil
	})
	return took
}

// crowd runs work n times at once.
func crowd(t *testing.T, n int, work func() error) {
	t.Helper()
	var all sync.WaitGroup
	errs := make(chan error, n)
	for range n {
		all.Go(func() { errs <- work() })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
