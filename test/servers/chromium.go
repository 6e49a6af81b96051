package servers

import (
	"strconv"
	"testing"
)

// Chromium is the command of the browser.
func Chromium(t testing.TB) string {
	t.Helper()
	return installed(t, "chromium", "HOLDFAST_CHROMIUM", "chromium", "chromium", "chromium-browser", "google-chrome")
}

// Browse opens url in a headless Chromium with a profile of its own, which ends
// with the test. What the page does is for the page to report.
func Browse(t testing.TB, url string) {
	t.Helper()
	command := Chromium(t)
	address := FreeAddress(t)
	_, port := split(t, address)
	start(t, t.TempDir(), "http://"+address+"/json/version", command,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-popup-blocking", "--disable-dev-shm-usage",
		"--remote-debugging-port="+strconv.Itoa(port), "--user-data-dir="+t.TempDir(), url)
}
