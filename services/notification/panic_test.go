package notification_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// panicsFor is a mailer with a defect that shows at one recipient.
type panicsFor struct {
	notification.Mailer
	to string
}

func (p panicsFor) Send(ctx context.Context, m notification.Mail) error {
	if strings.Contains(m.To, p.to) {
		panic("a defect")
	}
	return p.Mailer.Send(ctx, m)
}

// What a mailer panics at fails like other attempts, and is listed at the end;
// the other deliveries go out.
func TestADeliveryThatPanicsFailsAloneAndIsListed(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o, func(options *notification.Options) {
		options.Mailer, options.MaxAttempts, options.Workers = panicsFor{options.Mailer, "eve"}, 3, 1
	})
	run(t, s)
	for _, user := range []string{"eve", "ada"} {
		b := booking(user)
		b.UserEmail = user + "@example.com"
		handle(t, s, message(t, events.TypeBookingConfirmed, b))
	}
	eventually(t, "the other mail is sent", func() bool {
		mails, _ := o.sent()
		return len(mails) == 1 && mails[0].To == "ada@example.com"
	})
	eventually(t, "the delivery is given up", func() bool { return statuses(t, s)[notification.Failed] == 1 })
	for _, n := range all(t, s) {
		if n.Status == notification.Failed && (n.Attempts != 3 || n.Error != "the attempt failed unexpectedly") {
			t.Errorf("after %d attempts: %q", n.Attempts, n.Error)
		}
	}
}

// panicsFirst is a store whose first claims and first records panic. Outdated
// and Forget always do.
type panicsFirst struct {
	notification.Store
	claims, records atomic.Int64
	asked, forgets  atomic.Int64
}

func (p *panicsFirst) Outdated(context.Context, notification.Notification) (bool, error) {
	p.asked.Add(1)
	panic("a third defect")
}

func (p *panicsFirst) Forget(context.Context, time.Time, int) (int, error) {
	p.forgets.Add(1)
	panic("a fourth defect")
}

func (p *panicsFirst) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	if p.claims.Add(1) <= 3 {
		panic("a defect")
	}
	return p.Store.Claim(ctx, c, now, until, limit)
}

func (p *panicsFirst) Settle(ctx context.Context, n notification.Notification) error {
	if p.records.Add(1) <= 2 {
		panic("another defect")
	}
	return p.Store.Settle(ctx, n)
}

func TestTheWorkersOutliveAPanicOfTheirStore(t *testing.T) {
	t.Parallel()
	o := &outside{}
	var p *panicsFirst
	s := newService(t, o, func(options *notification.Options) {
		p = &panicsFirst{Store: options.Store}
		options.Store = p
	})
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada"))) // before Run: it has to be claimed
	run(t, s)
	eventually(t, "the mail is sent and recorded", func() bool { return statuses(t, s)[notification.Sent] >= 1 })
	if mails, _ := o.sent(); len(mails) != 1 {
		t.Errorf("%d mails, want 1", len(mails))
	}
	if p.asked.Load() == 0 || p.forgets.Load() == 0 {
		t.Errorf("Outdated panicked %d times and Forget %d times: this test shows nothing", p.asked.Load(), p.forgets.Load())
	}
}
