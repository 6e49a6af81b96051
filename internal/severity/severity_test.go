package severity

import "testing"

func TestParseReadsNamesAndAliases(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Severity{"SEV-1": SEV1, "sev2": SEV2, "P3": SEV3, " p4 ": SEV4} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "SEV-0", "SEV-5", "critical", "P"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, got)
		}
	}
}

func TestTextSurvivesTheRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range append(All(), Unset) {
		b, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Severity
		if err := got.UnmarshalText(b); err != nil || got != s {
			t.Errorf("%s came back as %s, %v", s, got, err)
		}
	}
}

func TestWorse(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want Severity }{
		{SEV1, SEV4, SEV1}, {SEV4, SEV1, SEV1}, {Unset, SEV3, SEV3}, {SEV3, Unset, SEV3}, {Unset, Unset, Unset}, {SEV2, SEV2, SEV2},
	}
	for _, tc := range tests {
		if got := Worse(tc.a, tc.b); got != tc.want {
			t.Errorf("Worse(%s, %s) = %s, want %s", tc.a, tc.b, got, tc.want)
		}
	}
}
