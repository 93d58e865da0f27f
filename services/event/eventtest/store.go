package eventtest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
)

// TestStore is the contract of event.Store. open returns an empty adapter; its
// inventory is the other side of what edits and deletions must respect.
func TestStore(t *testing.T, open func(t *testing.T) Adapter) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, a Adapter)
	}{
		{"what it stores is what Get returns", getReturnsWhatWasStored},
		{"instants are kept to the microsecond in UTC", instants},
		{"an organizer creates so many events within any period", createsSoMany},
		{"racing creations never pass the limit", creationsRace},
		{"a deleted event counts as created", deletedCounts},
		{"what is refused counts as not created", refusedCountsNot},
		{"creations of others do not count", othersCountNot},
		{"unknown event is not found", unknownEvent},
		{"a cancelled context changes nothing", storeCancelled},
		{"update stores the result as the next version", updateStores},
		{"racing updates are not lost", updatesRace},
		{"an error from edit changes nothing", editFails},
		{"available and versions are not for edit to say", editCannotForge},
		{"tickets taken stay taken through an edit", editKeepsTaken},
		{"capacity under what is taken is refused", capacityBelowSold},
		{"a ticket type left out is deleted unless in use", ticketTypeLeftOut},
		{"ticket types keep their order", ticketTypeOrder},
		{"cancel stores the event and its message together", cancelStores},
		{"an error from cancel changes nothing", cancelFails},
		{"racing cancellations leave one message", cancellationsRace},
		{"a message on its way changes nothing of the event", messageApart},
		{"an image is stored with its renditions", imageStored},
		{"another image replaces it", imageReplaced},
		{"without a picture the image is removed", imageRemoved},
		{"edits leave the image as it is", imageStays},
		{"an error from edit leaves the image", imageRefused},
		{"racing images leave a whole one", imagesRace},
		{"the image of a deleted event is gone", imageDeleted},
		{"delete removes the event", deleteRemoves},
		{"what was reserved at a deleted event goes with it", deleteForgets},
		{"delete is refused while a ticket is sold or held", deleteInUse},
		{"delete is refused while the message is open", deleteUntold},
		{"an error from check changes nothing", checkFails},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
	listSuite(t, open)
}

func getReturnsWhatWasStored(t *testing.T, a Adapter) {
	e := a.create(t, []int{3, 1})
	a.create(t, []int{9})
	if diff := cmp.Diff(e, a.get(t, e.ID)); diff != "" {
		t.Errorf("stored and got differ (-want +got):\n%s", diff)
	}
}

func instants(t *testing.T, a Adapter) {
	e := a.create(t, []int{1}, func(e *event.Event) {
		e.StartsAt = time.Date(2032, 3, 4, 5, 6, 7, 123_456_000, time.FixedZone("", 3600))
	})
	got := a.get(t, e.ID).StartsAt
	if want := time.Date(2032, 3, 4, 4, 6, 7, 123_456_000, time.UTC); got != want {
		t.Errorf("starts at %v, want %v", got, want)
	}
}

func unknownEvent(t *testing.T, a Adapter) {
	a.create(t, []int{1})
	none := func(*event.Event) error { t.Error("called for no event"); return nil }
	_, err := a.Get(t.Context(), id())
	wantErr(t, err, event.ErrEventNotFound)
	_, err = a.Update(t.Context(), id(), none)
	wantErr(t, err, event.ErrEventNotFound)
	wantErr(t, a.Delete(t.Context(), id(), none), event.ErrEventNotFound)
}

func storeCancelled(t *testing.T, a Adapter) {
	e := a.create(t, []int{5})
	ctx := cancelled(t)
	other := newEvent(1)
	if a.Create(ctx, other, 1000) == nil {
		t.Error("Create has no error")
	}
	_, err := a.Get(t.Context(), other.ID)
	wantErr(t, err, event.ErrEventNotFound)
	if _, err := a.Update(ctx, e.ID, func(e *event.Event) error { e.Title = "x"; return nil }); err == nil {
		t.Error("Update has no error")
	}
	if a.Delete(ctx, e.ID, func(*event.Event) error { return nil }) == nil {
		t.Error("Delete has no error")
	}
	if diff := cmp.Diff(e, a.get(t, e.ID)); diff != "" {
		t.Errorf("the event has changed:\n%s", diff)
	}
}

func updateStores(t *testing.T, a Adapter) {
	e := a.create(t, []int{5, 6})
	bystander := a.create(t, []int{2})
	added := event.TicketType{ID: id(), Name: "New", Price: e.TicketTypes[0].Price, Capacity: 7}
	edit := func(e *event.Event) {
		e.CancellationPolicy = events.CancellationPolicy{FreeHours: 8760}
		e.Title, e.Summary, e.Description, e.Language, e.Category, e.Status, e.TimeZone = "T", "S", "D", "ja", "C", event.Cancelled, "Asia/Tokyo"
		e.Venue = events.Venue{Name: "N", Address: "A", City: "Ci", Country: "Co"}
		e.StartsAt, e.EndsAt, e.UpdatedAt = e.StartsAt.Add(time.Hour), e.EndsAt.Add(time.Hour), now.Add(time.Microsecond)
		e.DoorsAt, e.MaxPerBooking, e.NoTransfers = time.Time{}, 7, false
		e.TicketTypes[0].Name, e.TicketTypes[0].Price.AmountMinor, e.TicketTypes[0].Capacity = "Renamed", 1, 4
		e.TicketTypes[0].Description, e.TicketTypes[0].SalesFrom, e.TicketTypes[0].SalesUntil = "Td", now.Add(time.Microsecond), e.EndsAt
		e.TicketTypes[1].Description, e.TicketTypes[1].SalesFrom, e.TicketTypes[1].SalesUntil = "", time.Time{}, time.Time{}
		e.TicketTypes = append(e.TicketTypes, added)
	}
	got, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { edit(e); return nil })
	must(t, err)
	want := *e
	want.TicketTypes = slices.Clone(e.TicketTypes)
	edit(&want)
	want.Version, want.TicketTypes[0].Available, want.TicketTypes[2].Available = 2, 4, 7
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&want, a.get(t, e.ID)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(bystander, a.get(t, bystander.ID)); diff != "" {
		t.Errorf("another event has changed:\n%s", diff)
	}
}

func updatesRace(t *testing.T, a Adapter) {
	const workers = 32
	e := a.create(t, []int{1})
	var failed atomic.Int64
	race(workers, func(int) {
		if _, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
			n := e.TicketTypes[0].Capacity
			yield()
			e.TicketTypes[0].Capacity = n + 1
			return nil
		}); err != nil {
			failed.Add(1)
		}
	})
	got := a.get(t, e.ID)
	if failed.Load() > 0 || got.TicketTypes[0].Capacity != 1+workers || got.Version != 1+workers {
		t.Errorf("%d failed; capacity %d, version %d after %d updates of 1", failed.Load(), got.TicketTypes[0].Capacity, got.Version, workers)
	}
}

func editFails(t *testing.T, a Adapter) {
	e := a.create(t, []int{5})
	no := errors.New("no")
	_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
		e.Title, e.TicketTypes[0].Capacity = "x", 1
		e.TicketTypes = append(e.TicketTypes, event.TicketType{ID: id(), Name: "y", Capacity: 1})
		return no
	})
	wantErr(t, err, no)
	if diff := cmp.Diff(e, a.get(t, e.ID)); diff != "" {
		t.Errorf("the event has changed:\n%s", diff)
	}
}

func editCannotForge(t *testing.T, a Adapter) {
	e := a.create(t, []int{5})
	a.hold(t, key(e), e, 2)
	before := a.get(t, e.ID)
	got, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
		e.TicketTypes[0].Available, e.Version, e.Inventory = 5, 77, 88
		return nil
	})
	must(t, err)
	if got.TicketTypes[0].Available != 3 || got.Version != before.Version+1 || got.Inventory != before.Inventory {
		t.Errorf("available %d, version %d, inventory %d", got.TicketTypes[0].Available, got.Version, got.Inventory)
	}
	a.left(t, e, 3)
}

func editKeepsTaken(t *testing.T, a Adapter) {
	e := a.create(t, []int{10, 10})
	held, sold := key(e), key(e)
	a.hold(t, held, e, 2)
	a.hold(t, sold, e, 3)
	must(t, a.Sell(t.Context(), id(), sold))
	for _, capacity := range []int{20, 5, 8} {
		_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
			e.TicketTypes[0].Capacity = capacity
			return nil
		})
		must(t, err)
		a.left(t, e, capacity-5, 10)
	}
	must(t, a.Release(t.Context(), held))
	must(t, a.Release(t.Context(), sold))
	a.left(t, e, 8, 10)
}

func capacityBelowSold(t *testing.T, a Adapter) {
	e := a.create(t, []int{10})
	k := key(e)
	a.hold(t, k, e, 4)
	shrink := func(e *event.Event) error { e.Title = "changed"; e.TicketTypes[0].Capacity = 3; return nil }
	before := a.get(t, e.ID)
	_, err := a.Update(t.Context(), e.ID, shrink)
	wantErr(t, err, event.ErrCapacityBelowSold)
	must(t, a.Sell(t.Context(), id(), k))
	_, err = a.Update(t.Context(), e.ID, shrink)
	wantErr(t, err, event.ErrCapacityBelowSold)
	if diff := cmp.Diff(before, a.get(t, e.ID)); diff != "" {
		t.Errorf("the event has changed:\n%s", diff)
	}
	must(t, a.Release(t.Context(), k))
	_, err = a.Update(t.Context(), e.ID, shrink)
	must(t, err)
	a.left(t, e, 3)
}

func ticketTypeLeftOut(t *testing.T, a Adapter) {
	e := a.create(t, []int{10, 10})
	k := key(e)
	a.hold(t, k, e, 1)
	without := func(i int) func(*event.Event) error {
		return func(e *event.Event) error {
			e.TicketTypes = slices.Delete(e.TicketTypes, i, i+1)
			return nil
		}
	}
	_, err := a.Update(t.Context(), e.ID, without(0))
	wantErr(t, err, event.ErrTicketTypeInUse)
	a.left(t, e, 9, 10)
	_, err = a.Update(t.Context(), e.ID, without(1))
	must(t, err)
	if n := len(a.get(t, e.ID).TicketTypes); n != 1 {
		t.Fatalf("%d ticket types are left, want 1", n)
	}
	must(t, a.Release(t.Context(), k))
	_, err = a.Update(t.Context(), e.ID, func(e *event.Event) error {
		e.TicketTypes = []event.TicketType{{ID: id(), Name: "Other", Price: e.TicketTypes[0].Price, Capacity: 3}}
		return nil
	})
	must(t, err)
	a.left(t, e, 3)
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrTicketTypeNotFound)
}

func ticketTypeOrder(t *testing.T, a Adapter) {
	e := a.create(t, []int{1, 2, 3})
	_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { slices.Reverse(e.TicketTypes); return nil })
	must(t, err)
	list := a.list(t, event.Query{Limit: 1})
	for _, got := range []*event.Event{a.get(t, e.ID), &list[0]} {
		for i, want := range []int{3, 2, 1} {
			if got.TicketTypes[i].Capacity != want {
				t.Fatalf("ticket types are %v, want them reversed", got.TicketTypes)
			}
		}
	}
}

func deleteRemoves(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{2}), a.create(t, []int{2})
	k := key(e)
	a.hold(t, k, e, 1)
	must(t, a.Release(t.Context(), k))
	must(t, a.Delete(t.Context(), e.ID, func(seen *event.Event) error {
		if seen.ID != e.ID || seen.Title != e.Title {
			return fmt.Errorf("check sees %q", seen.Title)
		}
		return nil
	}))
	_, err := a.Get(t.Context(), e.ID)
	wantErr(t, err, event.ErrEventNotFound)
	list := a.list(t, event.Query{Limit: 10})
	if len(list) != 1 || list[0].ID != other.ID {
		t.Errorf("%d events are listed, want the other one", len(list))
	}
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrEventNotFound)
	wantErr(t, a.Release(t.Context(), key(e)), event.ErrEventNotFound)
}

func deleteForgets(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{2}), a.create(t, []int{2})
	released, returned := key(e), key(e)
	a.hold(t, released, e, 1)
	must(t, a.Release(t.Context(), released))
	a.hold(t, returned, e, 1)
	must(t, a.Return(t.Context(), returned, id(), []event.Request{of(e, 0, 1)}))
	must(t, a.Delete(t.Context(), e.ID, func(*event.Event) error { return nil }))
	for what, k := range map[string]event.Key{"released": released, "returned": returned} {
		_, err := a.Reservation(t.Context(), k)
		wantErr(t, err, event.ErrReservationNotFound)
		_, err = a.Reserve(t.Context(), k, []event.Request{of(e, 0, 1)}, now)
		wantErr(t, err, event.ErrEventNotFound)
		wantErr(t, a.Release(t.Context(), k), event.ErrEventNotFound)
		wantErr(t, a.Return(t.Context(), k, id(), []event.Request{of(e, 0, 1)}), event.ErrEventNotFound)
		must(t, a.Sell(t.Context(), id(), k))
		k.EventID = other.ID
		r, err := a.Reserve(t.Context(), k, []event.Request{of(other, 0, 1)}, now)
		must(t, err)
		if len(r.Items) != 1 || r.Items[0].TicketTypeID != other.TicketTypes[0].ID {
			t.Errorf("the attempt that was %s reserves %v at another event", what, r.Items)
		}
		got, err := a.Reservation(t.Context(), k)
		must(t, err)
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("the attempt that was %s (-reserved +read):\n%s", what, diff)
		}
	}
	a.left(t, other, 0)
}

func deleteInUse(t *testing.T, a Adapter) {
	e := a.create(t, []int{2, 2})
	k := key(e)
	_, err := a.Reserve(t.Context(), k, []event.Request{of(e, 1, 1)}, now)
	must(t, err)
	yes := func(*event.Event) error { return nil }
	wantErr(t, a.Delete(t.Context(), e.ID, yes), event.ErrEventHasBookings)
	must(t, a.Sell(t.Context(), id(), k))
	wantErr(t, a.Delete(t.Context(), e.ID, yes), event.ErrEventHasBookings)
	must(t, a.Release(t.Context(), k))
	must(t, a.Delete(t.Context(), e.ID, yes))
}

func checkFails(t *testing.T, a Adapter) {
	e := a.create(t, []int{2})
	no := errors.New("no")
	wantErr(t, a.Delete(t.Context(), e.ID, func(*event.Event) error { return no }), no)
	a.left(t, e, 2)
}
