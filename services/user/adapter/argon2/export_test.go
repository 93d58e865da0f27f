package argon2

// TakeAllSlots is for tests: as if AtOnce passwords were being hashed.
func TakeAllSlots(h *Hasher) (release func()) {
	for range AtOnce {
		h.slots <- struct{}{}
	}
	return func() {
		for range AtOnce {
			<-h.slots
		}
	}
}
