package live

import "sync"

// Commands of NATS clients and other instances that may be waited for at once. One account alone does not use them up.
const (
	slotsOfAll     = 1024
	slotsOfAccount = 64
)

// slots counts the commands that are being answered, by account.
type slots struct {
	mu    sync.Mutex
	all   int
	taken map[string]int
}

func newSlots() *slots { return &slots{taken: map[string]int{}} }

// take takes a slot for an account, if there is one.
func (s *slots) take(account string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= slotsOfAll || s.taken[account] >= slotsOfAccount {
		return false
	}
	s.all++
	s.taken[account]++
	return true
}

func (s *slots) free(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.taken[account]--; s.taken[account] == 0 {
		delete(s.taken, account)
	}
}
