package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const maxAnswer = 64 << 20

// view is what the demo reads of incident.json.
type view struct {
	ID         string     `json:"id"`
	Title      string     `json:"title"`
	State      string     `json:"state"`
	Severity   string     `json:"severity"`
	Services   []string   `json:"services"`
	StartedAt  time.Time  `json:"started_at"`
	ResolvedAt *time.Time `json:"resolved_at"`
	Impact     struct {
		Summary string `json:"summary"`
	} `json:"impact"`
	Signals []struct {
		Name        string            `json:"name"`
		Status      string            `json:"status"`
		Annotations map[string]string `json:"annotations"`
	} `json:"signals"`
	Hypotheses []hypothesis `json:"hypotheses"`
	Trace      []traceStep  `json:"trace"`
	Verdicts   []verdict    `json:"verdicts"`
	Proposals  []proposal   `json:"proposals"`
	Actions    []struct {
		ID         string  `json:"id"`
		Action     string  `json:"action"`
		State      string  `json:"state"`
		By         string  `json:"by"`
		ApprovedBy *string `json:"approved_by"`
		Outcome    string  `json:"outcome"`
		Target     target  `json:"target"`
	} `json:"actions"`
	Timeline  []timelineEntry `json:"timeline"`
	Documents []struct {
		Kind string `json:"kind"`
	} `json:"documents"`
	Drafts []drafts `json:"drafts"`
}

// drafts is one round of documents for the knowledge repository.
type drafts struct {
	State    string      `json:"state"`
	Files    []draftFile `json:"files"`
	Branches []struct {
		Branch string `json:"branch"`
		Commit string `json:"commit"`
	} `json:"branches"`
	Notes []string `json:"notes"`
	Error string   `json:"error"`
}

type draftFile struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

type timelineEntry struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
}

type target struct {
	Name string `json:"name"`
}

type hypothesis struct {
	CauseClass  string  `json:"cause_class"`
	Mechanism   string  `json:"mechanism"`
	Component   string  `json:"component"`
	Probability float64 `json:"probability"`
}

type traceStep struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Title string `json:"title"`
	Path  string `json:"path"`
	Line  int    `json:"line"`
}

type verdict struct {
	Kind    string   `json:"kind"`
	Urgency string   `json:"urgency"`
	Reasons []string `json:"reasons"`
	Hold    bool     `json:"hold"`
}

type proposal struct {
	ID          string   `json:"id"`
	Action      string   `json:"action"`
	Target      target   `json:"target"`
	Risk        string   `json:"risk"`
	Lasting     string   `json:"lasting"`
	Option      string   `json:"option"`
	Why         string   `json:"why"`
	Cost        string   `json:"cost"`
	Pros        string   `json:"pros"`
	Cons        string   `json:"cons"`
	State       string   `json:"state"`
	Recommended bool     `json:"recommended"`
	Executable  bool     `json:"executable"`
	Commands    []string `json:"commands"`
	PlanSHA256  string   `json:"plan_sha256"`
}

// statusError is an answer of the API other than 2xx.
type statusError struct {
	code int
	body string
}

func (e *statusError) Error() string { return fmt.Sprintf("the agent answered %d: %s", e.code, e.body) }

// client speaks to the agent as a person's tools do.
type client struct {
	base, token string
	http        *http.Client
}

func (c *client) incidents(ctx context.Context) ([]string, error) {
	var list struct {
		Incidents []struct {
			ID string `json:"id"`
		} `json:"incidents"`
	}
	if err := c.read(ctx, "/api/v1/incidents", &list); err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(list.Incidents))
	for _, i := range list.Incidents {
		ids = append(ids, i.ID)
	}
	return ids, nil
}

func (c *client) incident(ctx context.Context, id string) (view, error) {
	var v view
	return v, c.read(ctx, "/api/v1/incidents/"+url.PathEscape(id), &v)
}

func (c *client) approve(ctx context.Context, id string, p proposal) error {
	_, err := c.call(ctx, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(id)+"/proposals/"+url.PathEscape(p.ID)+"/approve",
		map[string]string{"plan_sha256": p.PlanSHA256})
	return err
}

func (c *client) resolve(ctx context.Context, id, reason string) error {
	_, err := c.call(ctx, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(id)+"/resolve", map[string]string{"reason": reason})
	return err
}

func (c *client) read(ctx context.Context, path string, v any) error {
	b, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

func (c *client) call(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("request of %s: %w", path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("request of %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{code: resp.StatusCode, body: string(bytes.TrimSpace(b[:min(len(b), 500)]))}
	}
	return b, nil
}
