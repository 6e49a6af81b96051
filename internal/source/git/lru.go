package git

import (
	"container/list"
	"sync"
)

// lru keeps the answers last asked for. Safe for concurrent use.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *kept, newest first
	items map[K]*list.Element
}

type kept[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{max: size, order: list.New(), items: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (v V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.items[key]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	k, ok := e.Value.(*kept[K, V])
	if !ok {
		return v, false
	}
	return k.value, true
}

func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.items[key]; ok {
		e.Value = &kept[K, V]{key, value}
		l.order.MoveToFront(e)
		return
	}
	l.items[key] = l.order.PushFront(&kept[K, V]{key, value})
	for l.order.Len() > l.max {
		last := l.order.Back()
		if k, ok := l.order.Remove(last).(*kept[K, V]); ok {
			delete(l.items, k.key)
		}
	}
}
