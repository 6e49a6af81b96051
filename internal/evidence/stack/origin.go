package stack

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// OriginOf says whose code a frame is, by its function and file. The language is
// told by the file's extension.
func OriginOf(f evidence.Frame) Origin { return origin(languageOf(f.File), f) }

// languageOf tells the language of a file by its extension.
func languageOf(file string) Language {
	switch strings.ToLower(path.Ext(slashed(file))) {
	case ".go":
		return Go
	case ".java", ".kt", ".kts", ".scala", ".sc", ".groovy", ".clj", ".cljc", ".jsp":
		return Java
	case ".py", ".pyx":
		return Python
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte":
		return Node
	case ".cs", ".fs", ".vb", ".razor", ".cshtml":
		return DotNet
	case ".rb", ".ru", ".rake", ".erb":
		return Ruby
	case ".rs":
		return Rust
	case ".php", ".phtml", ".inc":
		return PHP
	}
	return Plain
}

func slashed(file string) string { return strings.ReplaceAll(file, `\`, "/") }

// origin asks the language first, then the folders in which package managers of
// any language put what they fetch.
func origin(l Language, f evidence.Frame) Origin {
	file := slashed(f.File)
	if o := languageOrigin(l, f.Function, file); o != "" {
		return o
	}
	if inFolder(file, libraryFolders) || strings.HasPrefix(file, "external/") {
		return Library
	}
	if strings.HasPrefix(file, "/usr/lib/") || strings.HasPrefix(file, "/usr/share/") || strings.HasPrefix(file, "/lib/") {
		return Runtime
	}
	return Own
}

func languageOrigin(l Language, function, file string) Origin {
	switch l {
	case Go:
		return goOrigin(function, file)
	case Java:
		return javaOrigin(function)
	case Python:
		return pythonOrigin(file)
	case Node:
		return nodeOrigin(file)
	case DotNet:
		return dotnetOrigin(function)
	case Ruby:
		return rubyOrigin(file)
	case Rust:
		return rustOrigin(function, file)
	case PHP:
		return phpOrigin(file)
	case Plain:
	}
	return ""
}

// libraryFolders are components of paths below which nothing is the program's own.
var libraryFolders = []string{
	"vendor", "node_modules", "site-packages", "dist-packages", "pkg/mod", ".cargo/registry", ".cargo/git",
	"gems", ".bundle", "bundler/gems", ".m2/repository", ".gradle/caches", ".nuget/packages", "bower_components", ".yarn", ".pnpm", ".composer",
}

// inFolder reports whether one of the folders is among a path's components.
func inFolder(file string, folders []string) bool {
	for _, dir := range folders {
		i := strings.Index(file, dir+"/")
		if i == 0 || i > 0 && file[i-1] == '/' || i > 0 && strings.Contains(file, "/"+dir+"/") {
			return true
		}
	}
	return false
}

var (
	goStandard = []string{
		"archive", "arena", "bufio", "builtin", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed", "encoding",
		"errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os",
		"path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text",
		"time", "unicode", "unique", "unsafe", "weak", "cgo",
	}
	goVersioned = regexp.MustCompile(`@v\d+\.\d+\.\d+`)
	goRoot      = regexp.MustCompile(`(?:^|/)(?:GOROOT|usr/(?:local/|lib/)?(?:lib/)?go(?:-\d[\d.]*)?|go\d[\w.]*|golang|libexec|go/\d[\w.]*(?:/x64)?|toolchain@v[\w.-]+)/src/`)
)

func goOrigin(function, file string) Origin {
	if strings.Contains(file, "golang.org/toolchain@") || goRoot.MatchString(file) {
		return Runtime
	}
	if goVersioned.MatchString(file) || strings.Contains(file, "/pkg/mod/") || strings.HasPrefix(file, "vendor/") || strings.Contains(file, "/vendor/") {
		return Library
	}
	pkg := goPackage(function)
	first, _, _ := strings.Cut(pkg, "/")
	if function == "panic" || slices.Contains(goStandard, first) && (file == pkg+"/"+path.Base(file) || strings.Contains(file, "/src/"+pkg+"/")) {
		return Runtime
	}
	return ""
}

// goPackage is the import path of a function's package: what stands before the
// first dot after the last slash.
func goPackage(function string) string {
	if i := strings.IndexAny(function, "(["); i >= 0 {
		function = function[:i]
	}
	slash := strings.LastIndexByte(function, '/') + 1
	name, _, ok := strings.Cut(function[slash:], ".")
	if !ok {
		return ""
	}
	return function[:slash] + name
}

var (
	javaRuntime = []string{
		"java.", "javax.", "jdk.", "sun.", "com.sun.", "oracle.", "kotlin.", "kotlinx.", "scala.", "groovy.", "clojure.", "jakarta.", "android.", "androidx.",
		"dalvik.", "org.codehaus.groovy.", "org.graalvm.", "com.oracle.",
	}
	javaLibraries = []string{
		"org.springframework.", "org.apache.", "org.hibernate.", "org.jboss.", "org.eclipse.", "org.postgresql.", "org.mariadb.", "org.mongodb.", "org.slf4j.",
		"org.junit.", "org.mockito.", "org.jooq.", "org.mybatis.", "org.flywaydb.", "org.thymeleaf.", "org.aspectj.", "org.redisson.", "org.elasticsearch.",
		"org.opensearch.", "org.quartz.", "org.yaml.", "org.gradle.", "org.reactivestreams.", "org.asynchttpclient.", "org.glassfish.", "org.xnio.", "org.joda.",
		"com.fasterxml.", "com.google.", "com.zaxxer.", "com.mysql.", "com.mongodb.", "com.microsoft.", "com.amazonaws.", "com.netflix.",
		"com.squareup.", "com.datastax.", "com.lmax.", "com.typesafe.", "com.github.benmanes.", "com.hazelcast.", "com.ibm.", "com.twitter.", "com.p6spy.",
		"com.azure.", "com.couchbase.", "com.jayway.", "com.github.luben.", "com.esotericsoftware.", "com.newrelic.", "com.datadog.", "datadog.",
		"io.netty.", "io.grpc.", "io.micrometer.", "io.micronaut.", "io.quarkus.", "io.vertx.", "io.undertow.", "io.lettuce.", "io.reactivex.", "io.r2dbc.",
		"io.opentelemetry.", "io.jaegertracing.", "io.confluent.", "io.smallrye.", "io.ktor.", "io.kubernetes.", "io.fabric8.", "io.swagger.", "io.prometheus.",
		"io.projectreactor.", "io.github.resilience4j.", "io.helidon.", "io.dropwizard.", "io.javalin.", "io.sentry.", "io.jsonwebtoken.", "io.temporal.",
		"reactor.", "ch.qos.logback.", "net.sf.", "net.bytebuddy.", "net.logstash.", "redis.clients.", "okhttp3.", "okio.", "retrofit2.", "rx.", "feign.",
		"akka.", "play.", "cats.", "zio.", "javassist.", "junit.", "liquibase.", "freemarker.", "graphql.", "software.amazon.", "oracle.jdbc.", "brave.", "zipkin2.",
		"ratpack.", "sttp.", "slick.", "doobie.", "fs2.", "org.http4s.", "ring.", "compojure.", "weblogic.", "lombok.", "antlr.", "org.antlr.", "org.h2.", "org.bson.",
	}
	// javaGlue is code that is made at run time around the program's own.
	javaGlue = []string{"$$EnhancerBy", "$$FastClassBy", "$$SpringCGLIB$$", "$Proxy", "$$Lambda"}
)

func javaOrigin(function string) Origin {
	hasPrefix := func(p string) bool { return strings.HasPrefix(function, p) }
	switch {
	case slices.ContainsFunc(javaLibraries, hasPrefix):
		return Library
	case slices.ContainsFunc(javaRuntime, hasPrefix):
		return Runtime
	case slices.ContainsFunc(javaGlue, func(p string) bool { return strings.Contains(function, p) }):
		return Library
	}
	return ""
}

var pythonStandard = regexp.MustCompile(`(?:^|/)lib(?:64)?/(?:python|pypy)\d[\d.]*/|/Python\d*/(?:\d[\w.]*/)?Lib/|/Python3?\d{1,2}/lib/|^/var/runtime/|/zipimport`)

func pythonOrigin(file string) Origin {
	switch {
	case strings.Contains(file, "site-packages/"), strings.Contains(file, "dist-packages/"), strings.Contains(file, ".egg/"), strings.HasPrefix(file, "/opt/python/"):
		return Library
	case pythonStandard.MatchString(file):
		return Runtime
	}
	return ""
}

var (
	nodeRuntime = regexp.MustCompile(`^(?:node|deno|ext|bun|electron|native):|^(?:internal/|bootstrap_node\.js|module\.js|events\.js|net\.js|tls\.js|fs\.js|dns\.js|http\.js|https\.js|vm\.js|timers\.js|assert\.js|child_process\.js|_(?:http|stream|tls)_?\w*\.js|domain\.js|buffer\.js|util\.js|repl\.js)|(?:^|/)webpack/(?:runtime|bootstrap)`)
	nodeRemote  = regexp.MustCompile(`^(?:https?://(?:deno\.land|esm\.sh|jsr\.io|cdn\.|unpkg\.com|cdnjs\.)|npm:|jsr:|[a-z]+-extension://)|(?:^|/)\.pnp\.`)
)

func nodeOrigin(file string) Origin {
	switch {
	case nodeRuntime.MatchString(file):
		return Runtime
	case nodeRemote.MatchString(file), inFolder(strings.ReplaceAll(file, "~/", "node_modules/"), []string{"node_modules"}) && !strings.HasPrefix(file, "~/"):
		return Library
	}
	return ""
}

var dotnetLibraries = []string{
	"Npgsql.", "Newtonsoft.", "Dapper.", "MediatR.", "Polly.", "Serilog.", "MassTransit.", "StackExchange.", "Grpc.", "AutoMapper.", "Castle.",
	"Amazon.", "Azure.", "MySql.", "MySqlConnector.", "Oracle.", "Quartz.", "Hangfire.", "NLog.", "log4net.", "Refit.", "FluentValidation.", "Swashbuckle.",
	"MongoDB.", "Confluent.", "Elastic.", "NHibernate.", "Autofac.", "Xunit.", "NUnit.", "Moq.", "IdentityServer4.", "OpenTelemetry.", "Google.", "Orleans.",
	"Microsoft.", "NServiceBus.", "Rebus.", "EasyNetQ.", "ServiceStack.", "FSharp.",
}

func dotnetOrigin(function string) Origin {
	hasPrefix := func(p string) bool { return strings.HasPrefix(function, p) }
	switch {
	case hasPrefix("System."), hasPrefix("Interop."), hasPrefix("Internal."), hasPrefix("UnityEngine."):
		return Runtime
	case slices.ContainsFunc(dotnetLibraries, hasPrefix):
		return Library
	}
	return ""
}

var rubyStandard = regexp.MustCompile(`(?:/lib/ruby/|/lib/ruby-|/rubies/|/jruby|^uri:classloader:|/ruby-\d[\w.-]*/lib/)`)

func rubyOrigin(file string) Origin {
	switch {
	case inFolder(file, []string{"gems", "bundle", ".bundle", "vendor"}):
		return Library
	case rubyStandard.MatchString(file), strings.HasPrefix(file, "org/jruby/"):
		return Runtime
	case strings.HasSuffix(file, "/bin/bundle"), strings.HasSuffix(file, "/bin/rake"), strings.HasPrefix(file, "/usr/local/bin/"), strings.HasPrefix(file, "/usr/bin/"):
		return Library
	}
	return ""
}

var rustStandard = regexp.MustCompile(`(?:^|/)(?:rustc/[0-9a-f]{6,}|\.rustup/toolchains|rust/library|library/(?:std|core|alloc|panic_unwind|backtrace|test)/src|lib(?:std|core|alloc|panic_unwind))(?:/|$)|^/rust/deps/`)

func rustOrigin(function, file string) Origin {
	switch {
	case rustStandard.MatchString(file):
		return Runtime
	case strings.Contains(file, ".cargo/"), strings.Contains(file, "cargo/registry/"), strings.Contains(file, "registry/src/"), strings.Contains(file, "cargo/git/checkouts/"):
		return Library
	case strings.Contains(file, "/csu/"), strings.Contains(file, "/sysdeps/"), strings.HasPrefix(function, "__rustc::"), function == "rust_begin_unwind":
		return Runtime
	}
	return ""
}

func phpOrigin(file string) Origin {
	switch {
	case strings.HasPrefix(file, "phar://"), strings.HasPrefix(file, "/usr/share/php/"), inFolder(file, []string{"vendor", "wp-includes", "wp-admin"}):
		return Library
	}
	return ""
}
