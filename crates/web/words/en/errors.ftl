### Error pages.

errors-home = Go to the start page
errors-number = If you ask for help, give this number:
errors-retry =
    { $seconds ->
        [one] Please try again in one second.
       *[other] Please try again in { $seconds } seconds.
    }
errors-form-title = This form has expired
errors-form-text = For your safety, a form works only in the session in which it was opened. Nothing was changed. Go back, reload the page and send it again.
errors-join-title = You can't join any more
errors-join-text = The time to join this game is over. If you've joined before, log in.
errors-nowhere-title = Page not found
errors-nowhere-text = There's no page at this address. It may be mistyped, or the page has moved.
errors-method-title = That isn't possible here
errors-method-text = This page can't do that. Go back to the page before and start again.
errors-large-title = That's too large
errors-large-text = We can't accept that much at once. Please send less.
errors-often-title = Slow down, please
errors-often-text = There were too many requests from you or your network. Nothing is lost.
errors-busy-title = We can't respond right now
errors-busy-text = The server is busy or under maintenance. Nothing is lost. Please try again soon.
errors-internal-title = Something went wrong
errors-internal-text = It's not your fault. We logged the error so that we can fix it.
errors-unknown-title = We don't know yet whether that worked
errors-unknown-text = The response took too long. Check your history before you try again: it may have worked.
errors-unreadable-title = We couldn't read that
errors-unreadable-text = This page expected something else. Go back and try again.
