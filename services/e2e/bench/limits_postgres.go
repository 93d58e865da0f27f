package main

import (
	"fmt"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

const postgresLimitName = "SQL alone on PostgreSQL"

// poolSize is what a service has by default: DB_MAX_CONNS.
const poolSize = 16

// limitPostgres is what booking's store takes in an empty database beside the
// platform's, for each number of workers, and what pgbench takes there.
func (b *bench) limitPostgres(url string, workers ...int) (all []*Result, err error) {
	store, err := postgres.Open(b.ctx, postgresdb.Options{URL: url, MaxConns: poolSize})
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // it was for this only
	pair, err := b.pgbench(url, store)
	if err != nil {
		return nil, err
	}
	all = append(all, pair)
	for _, n := range workers {
		r, err := b.limitStore(fmt.Sprintf(postgresLimitName+", %d connections", poolSize), store, n)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
