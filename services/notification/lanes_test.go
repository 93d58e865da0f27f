package notification_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// hanging answers no attempt before it times out.
type hanging struct{}

func (hanging) Send(ctx context.Context, _ notification.Text) error {
	<-ctx.Done()
	return ctx.Err()
}

type hangingMailer struct{ hanging }

func (h hangingMailer) Send(ctx context.Context, _ notification.Mail) error {
	return h.hanging.Send(ctx, notification.Text{})
}

// However many SMS wait for a gateway that hangs, mail goes out as it comes.
func TestAGatewayThatHangsStopsNoMail(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			o := &outside{contact: notification.Contact{Phone: "+4930123456"}}
			s := newService(t, o, func(o *notification.Options) {
				o.SMS, o.Workers, o.Poll = hanging{}, workers, 500*time.Millisecond
			})
			stop := run(t, s)
			synctest.Wait()
			const bookings = 60 // more than there is room for
			for range bookings {
				handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
			}
			<-time.After(time.Second) // less than an attempt takes to time out
			if mails, _ := o.sent(); len(mails) != bookings {
				t.Errorf("with %d workers, %d mails were sent, want %d", workers, len(mails), bookings)
			}
			<-time.After(5 * time.Minute) // the SMS are tried again and again
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("bob")))
			<-time.After(time.Second)
			if mails, _ := o.sent(); len(mails) != bookings+1 {
				t.Errorf("with %d workers, %d mails were sent after that, want %d", workers, len(mails), bookings+1)
			}
			stop()
		})
	}
}

func TestAMailServerThatHangsStopsNoSMS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{contact: notification.Contact{Phone: "+4930123456"}}
		s := newService(t, o, func(o *notification.Options) { o.Mailer, o.Workers, o.Poll = hangingMailer{}, 1, 500*time.Millisecond })
		stop := run(t, s)
		synctest.Wait()
		const bookings = 30
		for range bookings {
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		}
		<-time.After(time.Second)
		if _, texts := o.sent(); len(texts) != bookings {
			t.Errorf("%d SMS were sent, want %d", len(texts), bookings)
		}
		stop()
	})
}
