package pkgcmd

import "context"

func (o *options) embed(ctx context.Context, p *plan, b *backend) error {
	return exitf(ExitFailed, "embedded")
}
