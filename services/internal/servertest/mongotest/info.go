package mongotest

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Info says which server serves.
type Info struct {
	Name    string // "MongoDB", or what stands in for it
	Version string // that program's own, like "8.0.4"
	StandIn bool   // it is not MongoDB itself
}

// String is "MongoDB 8.0.4", or "FerretDB 1.24.0 stand-in".
func (i Info) String() string {
	s := i.Name + " " + i.Version
	if i.StandIn {
		s += " stand-in"
	}
	return s
}

// ask finds out who a server really is: all of them claim a version of
// MongoDB, and put their own beside it.
func ask(ctx context.Context, client *mongo.Client) (Info, error) {
	var build struct {
		Version  string
		Ferret1  string `bson:"ferretdbVersion"`
		FerretDB struct{ Version string }
		Storage  []string `bson:"storageEngines"`
		OpenSSL  bson.Raw `bson:"openssl"`
	}
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build); err != nil {
		return Info{}, err
	}
	switch {
	case build.FerretDB.Version != "":
		return Info{"FerretDB", strings.TrimPrefix(build.FerretDB.Version, "v"), true}, nil
	case build.Ferret1 != "":
		return Info{"FerretDB", strings.TrimPrefix(build.Ferret1, "v"), true}, nil
	case len(build.Storage) == 0 || build.OpenSSL == nil: // mongod lists both
		return Info{"unknown server of MongoDB's protocol", build.Version, true}, nil
	}
	return Info{"MongoDB", build.Version, false}, nil
}
