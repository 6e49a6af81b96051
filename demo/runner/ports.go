package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports of worlds lie below those that Linux, macOS and Windows give to
// outgoing connections, so that none of these takes a port between the moment
// that it is found free and the moment that a process listens on it.
const (
	firstPort  = 20000
	blocks     = 700
	portsBlock = 16
)

// reserve finds n addresses on loopback that nobody listens on. Until release
// is called no other world on this machine gets one of them: the first port of
// each block is held as its lock.
func reserve(ctx context.Context, n int) (addresses []string, release func(), err error) {
	start := rand.IntN(blocks)
	for i := range blocks {
		base := firstPort + (start+i)%blocks*portsBlock
		lock, err := listen(ctx, base)
		if err != nil {
			continue
		}
		if addresses = freeAddresses(ctx, base+1, n); len(addresses) == n {
			return addresses, func() { _ = lock.Close() }, nil
		}
		_ = lock.Close()
	}
	return nil, nil, fmt.Errorf("no %d free ports on 127.0.0.1 between %d and %d", n, firstPort, firstPort+blocks*portsBlock)
}

// freeAddresses tells which of the block's ports, from first on, are free: at
// most n.
func freeAddresses(ctx context.Context, first, n int) (out []string) {
	for port := first; port < first+portsBlock-1 && len(out) < n; port++ {
		ln, err := listen(ctx, port)
		if err != nil {
			continue
		}
		out = append(out, ln.Addr().String())
		_ = ln.Close()
	}
	return out
}

func listen(ctx context.Context, port int) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:wrapcheck // only whether it can
}
