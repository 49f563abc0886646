// Package etcdmend makes an etcd writable again that has run out of space.
//
// etcd then refuses every write until somebody compacts its history, defragments its file and lifts the alarm. Live
// objects are never touched; limiting those is up to quotas.
package etcdmend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// limit is the timeout for the whole repair. Defragmenting a file of eight GiB takes less.
const limit = 2 * time.Minute

// options are the flags of the command.
type options struct {
	endpoint string
	tls      transport.TLSInfo
}

// NewCommand returns the command etcd-mend.
func NewCommand() *cobra.Command {
	var chosen options
	command := &cobra.Command{
		Use:           "etcd-mend",
		Short:         "Makes an etcd writable again that has run out of space",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			config := clientv3.Config{Endpoints: []string{chosen.endpoint}, DialTimeout: 5 * time.Second}
			if !chosen.tls.Empty() {
				tls, err := chosen.tls.ClientConfig()
				if err != nil {
					return fmt.Errorf("could not read the certificates: %w", err)
				}
				config.TLS = tls
			}
			client, err := clientv3.New(config)
			if err != nil {
				return fmt.Errorf("could not make a client of %s: %w", chosen.endpoint, err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			return errors.Join(Mend(ctx, client, chosen.endpoint), client.Close())
		},
	}
	flags := command.Flags()
	flags.StringVar(&chosen.endpoint, "endpoint", "", "address of etcd's clients, such as https://127.0.0.1:2379")
	flags.StringVar(&chosen.tls.TrustedCAFile, "cacert", "", "file with the authority of etcd's certificate")
	flags.StringVar(&chosen.tls.CertFile, "cert", "", "file with the client's certificate")
	flags.StringVar(&chosen.tls.KeyFile, "key", "", "file with the client's key")
	return command
}

// Mend compacts and defragments the member at the endpoint and lifts its alarm, if it has run out of space. It fails if
// live data alone fills the quota.
func Mend(ctx context.Context, client *clientv3.Client, endpoint string) error {
	alarms, err := client.AlarmList(ctx)
	if err != nil {
		return fmt.Errorf("could not list the alarms: %w", err)
	}
	var raised []*clientv3.AlarmMember
	for _, one := range alarms.Alarms {
		if one.Alarm == etcdserverpb.AlarmType_NOSPACE {
			raised = append(raised, (*clientv3.AlarmMember)(one))
		}
	}
	if len(raised) == 0 {
		return nil
	}
	before, err := client.Status(ctx, endpoint)
	if err != nil {
		return fmt.Errorf("could not ask for the status: %w", err)
	}
	_, err = client.Compact(ctx, before.Header.Revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("could not compact: %w", err)
	}
	if _, err := client.Defragment(ctx, endpoint); err != nil {
		return fmt.Errorf("could not defragment: %w", err)
	}
	after, err := client.Status(ctx, endpoint)
	if err != nil {
		return fmt.Errorf("could not ask for the status: %w", err)
	}
	// With less than a tenth free the alarm would be raised again at once.
	if after.DbSize > after.DbSizeQuota/10*9 {
		return fmt.Errorf("%d of %d bytes are live: delete objects, the largest first", after.DbSize, after.DbSizeQuota)
	}
	for _, one := range raised {
		if _, err := client.AlarmDisarm(ctx, one); err != nil {
			return fmt.Errorf("could not lift the alarm: %w", err)
		}
	}
	fmt.Printf("of %d bytes %d are left\n", before.DbSize, after.DbSize)
	return nil
}
