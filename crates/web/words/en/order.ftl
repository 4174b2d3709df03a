### Orders: ticket, review, receipt.
