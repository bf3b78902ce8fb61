// Package store keeps leases.
package store

import "time"

// Lease is held by one owner.
type Lease struct {
	Owner string
	Until time.Time
}

// Leases are all of them.
type Leases struct {
	held map[string]Lease
}

// Take takes one, if it is free or its time is over.
func (l *Leases) Take(name, owner string) bool {
	if held, ok := l.held[name]; ok && held.Until.After(time.Now()) {
		return false
	}
	l.held[name] = Lease{owner, time.Now().Add(30 * time.Second)}
	return true
}

// Free gives it back.
func (l *Leases) Free(name string) string {
	held := l.held[name]
	delete(l.held, name)
	return held.Owner
}

func count(l Leases) int { return len(l.held) }
