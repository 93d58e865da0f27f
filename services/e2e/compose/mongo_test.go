//go:build integration

package compose_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"

	event "github.com/openboxoffice/boxoffice/services/event/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	notification "github.com/openboxoffice/boxoffice/services/notification/app/stores"
)

func TestMongoGivesEachUserItsOwnDatabaseAlone(t *testing.T) {
	t.Parallel()
	image := os.Getenv("TEST_MONGO_IMAGE")
	switch {
	case mongotest.Serving(t).StandIn:
		t.Skip("n/a (stand-in): it has neither users nor mongosh")
	case image == "" && os.Getenv("TEST_MONGO_URI") != "":
		t.Skip("n/a (stand-in): TEST_MONGO_URI names a running server, whose users are not ours to make")
	case image == "":
		image = "mongo:8"
	}
	p, err := load(t.Context(), merged(exampleEnv(t), map[string]string{
		"EVENT_MONGO_PASSWORD": oddOne, "NOTIFICATION_MONGO_PASSWORD": oddTwo,
	}))
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, p.Services["mongo"], p.Configs, testcontainers.WithImage(image))
	server.healthy(t)
	if _, out := server.run(t, "mongosh", "--quiet", "--nodb", "--eval", `print(config.get("disableLogging"), config.get("enableTelemetry"))`); strings.TrimSpace(out) != "true false" {
		t.Errorf("mongosh logs and reports: %s, want true false", out)
	}
	uri := func(user, password, database string) string {
		u := url.URL{Scheme: "mongodb", User: url.UserPassword(user, password), Host: server.addr(t, "27017"), Path: "/" + database}
		return u.String()
	}

	users := map[string]struct {
		password, other string
		migrate         func(ctx context.Context, url string) error
	}{
		"event": {oddOne, "notification", func(ctx context.Context, url string) error {
			c, err := configured[event.Config](t, "event", "EVENT_MONGO_URL", url)
			if err != nil {
				return err
			}
			return storage.Migrate(ctx, c.Open)
		}},
		"notification": {oddTwo, "event", func(ctx context.Context, url string) error {
			c, err := configured[notification.Config](t, "notification", "NOTIFICATION_MONGO_URL", url)
			if err != nil {
				return err
			}
			return storage.Migrate(ctx, c.Open)
		}},
	}
	for name, u := range users {
		t.Run(name, func(t *testing.T) {
			own := uri(name, u.password, name)
			if err := u.migrate(t.Context(), own); err != nil {
				t.Fatalf("migrating: %v", err)
			}
			client := dial(t, own)
			mine := client.Database(name).Collection("mine")
			if _, err := mine.InsertOne(t.Context(), bson.D{{Key: "n", Value: 1}}); err != nil {
				t.Error(err)
			}
			if n, err := mine.CountDocuments(t.Context(), bson.D{}); err != nil || n != 1 {
				t.Errorf("stored 1, found %d, %v", n, err)
			}
			for _, database := range []string{u.other, "admin"} {
				_, err := client.Database(database).Collection("theirs").InsertOne(t.Context(), bson.D{})
				unauthorized(t, "writing to "+database, err)
				unauthorized(t, "reading from "+database, client.Database(database).Collection("theirs").FindOne(t.Context(), bson.D{}).Err())
			}
			unauthorized(t, "creating a user", client.Database(name).RunCommand(t.Context(), bson.D{
				{Key: "createUser", Value: "more"}, {Key: "pwd", Value: "x"}, {Key: "roles", Value: bson.A{}},
			}).Err())
			if err := dial(t, uri(name, "wrong", name)).Ping(t.Context(), nil); err == nil {
				t.Error("another password is taken")
			}
		})
	}
	_, err = dial(t, "mongodb://"+server.addr(t, "27017")).Database("event").Collection("mine").InsertOne(t.Context(), bson.D{})
	unauthorized(t, "writing without a password", err)
	if err := dial(t, uri("root", exampleEnv(t)["MONGO_PASSWORD"], "admin")).Ping(t.Context(), nil); err != nil {
		t.Errorf("root cannot connect: %v", err)
	}
}

func dial(t *testing.T, uri string) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(mongooptions.Client().ApplyURI(uri).SetDirect(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// unauthorized checks that err is the server's refusal for want of rights.
func unauthorized(t *testing.T, what string, err error) {
	t.Helper()
	var server mongo.ServerError
	if !errors.As(err, &server) || !server.HasErrorCode(13) {
		t.Errorf("%s: %v, want Unauthorized", what, err)
	}
}
