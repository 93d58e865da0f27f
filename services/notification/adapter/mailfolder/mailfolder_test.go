package mailfolder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mailfolder"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

const from = "Boxoffice <tickets@boxoffice.example>"

func newFolder(t *testing.T) (*mailfolder.Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ma*il[1]") // a name that is no pattern
	f, err := mailfolder.New(dir, from)
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

// taken returns every file in dir: one that is not a whole mail shows.
func taken(t *testing.T, dir string) func() [][]byte {
	return func() [][]byte {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all [][]byte
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	}
}

func newMailer(t *testing.T) (notification.Mailer, func() [][]byte) {
	f, dir := newFolder(t)
	return f, taken(t, dir)
}

func TestMailerContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestMailer(t, newMailer)
	notificationtest.TestExactlyOnceMailer(t, newMailer)
}

// Where a file needs a name from the start the promises are the same.
func TestMailerContractWithNames(t *testing.T) {
	t.Parallel()
	named := func(t *testing.T) (notification.Mailer, func() [][]byte) {
		f, dir := newFolder(t)
		return mailfolder.WithNames(f), taken(t, dir)
	}
	notificationtest.TestMailer(t, named)
	notificationtest.TestExactlyOnceMailer(t, named)
}

// BenchmarkSend is what a mail costs the folder, with many senders at once.
func BenchmarkSend(b *testing.B) {
	for _, named := range []bool{false, true} {
		b.Run(fmt.Sprint("named=", named), func(b *testing.B) {
			f, err := mailfolder.New(b.TempDir(), "boxoffice@example.com")
			if err != nil {
				b.Fatal(err)
			}
			if named {
				mailfolder.WithNames(f)
			}
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := f.Send(b.Context(), notification.Mail{ID: uuid.NewString(), To: "ada@example.com", Subject: "s", Text: "t"}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// sendFunc is a Mailer that is broken in one way.
type sendFunc func(ctx context.Context, m notification.Mail) error

func (f sendFunc) Send(ctx context.Context, m notification.Mail) error { return f(ctx, m) }

func TestMailerSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	suitetest.MustFail(t, "overwrites", func(t *testing.T) {
		notificationtest.TestExactlyOnceMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			f, dir := newFolder(t)
			return sendFunc(func(ctx context.Context, m notification.Mail) error {
				if err := os.Remove(filepath.Join(dir, m.ID+".eml")); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
				return f.Send(ctx, m)
			}), taken(t, dir)
		})
	}, "the_first_is_the_only_one")
	suitetest.MustFail(t, "writes_a_file_per_attempt", func(t *testing.T) {
		notificationtest.TestExactlyOnceMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			f, dir := newFolder(t)
			return sendFunc(func(ctx context.Context, m notification.Mail) error {
				m.ID = uuid.NewString()
				return f.Send(ctx, m)
			}), taken(t, dir)
		})
	}, "racing_senders_write_once")
	suitetest.MustFail(t, "drops_the_html", func(t *testing.T) {
		notificationtest.TestMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			f, dir := newFolder(t)
			return sendFunc(func(ctx context.Context, m notification.Mail) error {
				m.HTML = ""
				return f.Send(ctx, m)
			}), taken(t, dir)
		})
	}, "a_mail_arrives_with_its_parts")
	for name, test := range map[string]struct {
		caughtBy string
		change   func(m *notification.Mail)
	}{
		"drops_the_attachment": {"attachments_arrive_byte_for_byte", func(m *notification.Mail) {
			m.Attachments = m.Attachments[:min(1, len(m.Attachments))]
		}},
		"changes_its_line_ends": {"attachments_arrive_byte_for_byte", func(m *notification.Mail) {
			m.Attachments = slices.Clone(m.Attachments)
			for i := range m.Attachments {
				m.Attachments[i].Body = strings.ReplaceAll(m.Attachments[i].Body, "\r\n", "\n")
			}
		}},
		"forgets_its_type": {"attachments_arrive_byte_for_byte", func(m *notification.Mail) {
			m.Attachments = slices.Clone(m.Attachments)
			for i := range m.Attachments {
				m.Attachments[i].Type = "application/octet-stream"
			}
		}},
		"always_has_an_attachment": {"without_files_there_are_none", func(m *notification.Mail) {
			m.Attachments = append(m.Attachments, notification.Attachment{Name: "a.txt", Type: "text/plain; charset=utf-8", Body: " "})
		}},
		"attaches_the_pictures": {"pictures_arrive_beside_the_html", func(m *notification.Mail) {
			for _, picture := range m.Inline {
				m.Attachments = append(m.Attachments, picture.Attachment)
			}
			m.Inline = nil
		}},
		"gives_pictures_other_ids": {"pictures_arrive_beside_the_html", func(m *notification.Mail) {
			m.Inline = slices.Clone(m.Inline)
			for i := range m.Inline {
				m.Inline[i].ID = "1" + m.Inline[i].ID
			}
		}},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			notificationtest.TestMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
				f, dir := newFolder(t)
				return sendFunc(func(ctx context.Context, m notification.Mail) error {
					test.change(&m)
					return f.Send(ctx, m)
				}), taken(t, dir)
			})
		}, test.caughtBy)
	}
	suitetest.MustFail(t, "names_the_recipient", func(t *testing.T) {
		notificationtest.TestMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			f, dir := newFolder(t)
			return sendFunc(func(ctx context.Context, m notification.Mail) error {
				err := f.Send(ctx, m)
				var failure *notification.SendError
				if errors.As(err, &failure) {
					failure.Reason += " " + m.To
				}
				return err
			}), taken(t, dir)
		})
	}, "errors_are_without_personal_data")
}

func TestWhatAKilledProcessLeftIsClearedAtStart(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t)
	mail := notification.Mail{ID: uuid.NewString(), To: "ada@example.com", Subject: "s", Text: "t", HTML: "h", Date: time.Now()}
	if err := f.Send(t.Context(), mail); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".unfinished-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mailfolder.New(dir, from); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != mail.ID+".eml" {
		t.Fatalf("the folder has %v (%v), want the one mail", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mail's mode is %v (%v), want 0600", info.Mode().Perm(), err)
	}
}

func TestAFolderThatCannotBeWrittenToIsTemporary(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	mail := notification.Mail{ID: uuid.NewString(), To: "ada@example.com", Date: time.Now()}
	var failure *notification.SendError
	if err := f.Send(t.Context(), mail); !errors.As(err, &failure) || failure.Permanent {
		t.Errorf("error %#v, want a temporary SendError", err)
	}
}

func TestABadSenderStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "nobody", "a@b\r\nBcc: c@d"} {
		if _, err := mailfolder.New(t.TempDir(), bad); err == nil {
			t.Errorf("%q is taken as a sender", bad)
		}
	}
}
