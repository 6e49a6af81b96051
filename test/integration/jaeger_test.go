//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/source/jaeger"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// tracer sends the spans of one service.
func tracer(t *testing.T, otlp, service string) trace.Tracer {
	t.Helper()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(otlp), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(100*time.Millisecond)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	t.Cleanup(func() { _ = p.Shutdown(context.WithoutCancel(t.Context())) })
	return p.Tracer("test")
}

// checkout is one request: api asks pay, which needs own for itself.
func checkout(ctx context.Context, api, pay trace.Tracer, at time.Time, own time.Duration, fails bool) {
	server := trace.WithSpanKind(trace.SpanKindServer)
	ctx, root := api.Start(ctx, "GET /checkout", server, trace.WithTimestamp(at))
	ctx, call := api.Start(ctx, "Charge", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(at.Add(5*time.Millisecond)))
	_, work := pay.Start(ctx, "Charge", server, trace.WithTimestamp(at.Add(7*time.Millisecond)))
	if fails {
		work.SetStatus(codes.Error, "the card network does not answer")
	}
	end := at.Add(7*time.Millisecond + own)
	work.End(trace.WithTimestamp(end))
	call.End(trace.WithTimestamp(end.Add(2 * time.Millisecond)))
	root.End(trace.WithTimestamp(end.Add(5 * time.Millisecond)))
}

func TestJaegerSource(t *testing.T) {
	t.Parallel()
	query, otlp := servers.Jaeger(t)
	api, pay := tracer(t, otlp, "api"), tracer(t, otlp, "pay")
	now := time.Now()
	for i := range 60 {
		earlier := now.Add(-time.Hour - time.Duration(i)*20*time.Second)
		checkout(t.Context(), api, pay, earlier, 40*time.Millisecond, false)
		checkout(t.Context(), api, pay, now.Add(-time.Duration(10+i*20)*time.Second), 800*time.Millisecond, i%2 == 0)
	}
	src, err := jaeger.New(jaeger.Options{Name: "jaeger", URL: query, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var got evidence.Traces
	var it evidence.Item
	eventually(t, 30*time.Second, "all traces", func() error {
		items := evidence.Gather(t.Context(), []evidence.Collector{src}, evidence.Request{
			IncidentID: "INC-1", Affected: []string{"api"}, Now: now, Window: 30 * time.Minute, ReferenceEnd: now.Add(-50 * time.Minute),
		}, 20*time.Second, nil)
		if len(items) != 1 || items[0].Kind != evidence.KindTraces {
			return fmt.Errorf("%d items: %+v", len(items), items)
		}
		it = items[0]
		var err error
		if got, err = evidence.Decode[evidence.Traces](it); err == nil && (got.Now != 60 || got.Before != 60) {
			err = fmt.Errorf("%s", it.Summary)
		}
		return err
	})
	for _, want := range []string{"pay Charge fails by itself in 50 %, 0 % before", "pay Charge takes 800 ms by itself (p95), 40 ms before", "critical path of "} {
		if !strings.Contains(it.Summary, want) {
			t.Errorf("%q does not say %q", it.Summary, want)
		}
	}
	if len(got.Examples) == 0 || it.Link != query+"/trace/"+got.Examples[0] {
		t.Errorf("examples %v, link %s", got.Examples, it.Link)
	}
	if len(got.Calls) != 1 || got.Calls[0].Caller != "api" || got.Calls[0].Callee != "pay" {
		t.Errorf("calls are %+v", got.Calls)
	}
	d := diagnoseTraces(t, it)
	if h := d.Hypotheses[0]; h.Component != "pay" && (len(d.Components) == 0 || d.Components[0].Component != "pay") {
		t.Errorf("the engine says %s of %s at %.2f, components %+v", h.CauseClass, h.Component, h.Probability, d.Components)
	}
}

func diagnoseTraces(t *testing.T, it evidence.Item) diagnose.Diagnosis {
	t.Helper()
	cat, err := catalog.New([]catalog.Service{{Name: "api", Owner: "shop", Tier: 1, DependsOn: []string{"pay"}}, {Name: "pay", Owner: "shop", Tier: 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return diagnose.New(diagnose.DefaultWeights()).Diagnose(diagnose.Input{
		Catalog: cat, Affected: []string{"api"}, FirstSignal: it.To, Now: it.To, Items: []evidence.Item{it},
	})
}
