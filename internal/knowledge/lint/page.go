package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Markdown is the page of the rule.
func (r Rule) Markdown() string {
	var b strings.Builder
	if r.Name == rollbackRule().Name {
		fmt.Fprintf(&b, "<!-- holdfast-lint: off %s -- the page shows an example -->\n\n", r.Name)
	}
	fmt.Fprintf(&b, "# %s\n\n", r.Name)
	fmt.Fprintf(&b, "%s **%s**\n\n## Why it matters at 3 a.m.\n\n%s\n\n## What counts\n\n%s\n", r.What, r.Severity, r.Why, r.Detail)
	fmt.Fprintf(&b, "\n## Bad\n\n%s\n## Good\n\n%s", example(r.Bad, r.Good), example(r.Good, r.Bad))
	fmt.Fprintf(&b, "\n## How to fix\n\n%s\n", r.Fix)
	fmt.Fprintf(&b, "\n## How to switch it off\n\nFor one file, by a comment in it; the reason is required:\n\n```markdown\n<!-- holdfast-lint: off %s -- why it is right here -->\n```\n\n", r.Name)
	fmt.Fprintf(&b, "For one run: `holdfast knowledge lint --skip %s`.\n\n[All rules](README.md)\n", r.Name)
	return b.String()
}

// example shows the files that differ from the other example, and names the
// others. All are shown when only a file is missing.
func example(files, other Files) string {
	paths := slices.Sorted(maps.Keys(files))
	shown := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return files[p] == other[p] })
	if len(shown) == 0 {
		shown = paths
	}
	var b strings.Builder
	var same []string
	for _, p := range paths {
		if !slices.Contains(shown, p) {
			same = append(same, "`"+p+"`")
			continue
		}
		fmt.Fprintf(&b, "`%s`\n\n````markdown\n%s````\n\n", p, files[p])
	}
	if len(same) > 0 {
		fmt.Fprintf(&b, "Beside it, the same in both: %s.\n\n", strings.Join(same, ", "))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Index is the page that lists every rule.
func Index() string {
	var b strings.Builder
	b.WriteString("# Rules of `holdfast knowledge lint`\n\n" +
		"A finding says where (`FILE:LINE`), what, why it matters and what to do. An error makes the command fail (exit code 1); " +
		"`--fail-on` moves that line. A rule that needs something which a repository does not use at all is off, or says so once.\n\n" +
		"| rule | severity | what it finds |\n| --- | --- | --- |\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", r.Name, r.Name, r.Severity, r.What)
	}
	b.WriteString("\nSwitch a rule off for one file with a comment in it, whose reason is required: " +
		"`<!-- holdfast-lint: off RULE -- reason -->`. For one run: `--skip RULE`, or `--rule RULE` for these only.\n")
	return b.String()
}
