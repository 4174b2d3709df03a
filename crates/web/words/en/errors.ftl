### Errors, as people see them.

errors-home = Go to the start page
errors-number = If you ask for help, tell this number:
errors-retry =
    { $seconds ->
        [one] Please try again in one second.
       *[other] Please try again in { $seconds } seconds.
    }
errors-form-title = This form is too old
errors-form-text = For your safety a form works only once it was opened here and while you are logged in the same way. Nothing was changed. Go back, load the page again and send it once more.
errors-nowhere-title = This page is not here
errors-nowhere-text = The address leads nowhere. It may have been typed wrong, or the page has moved.
errors-method-title = This cannot be done here
errors-method-text = The page is there, but not for what was asked of it. Start again from the page before.
errors-large-title = That was too much at once
errors-large-text = What was sent is larger than we read. Please send less.
errors-often-title = A short break, please
errors-often-text = There were very many requests from you or from your network. Nothing is lost.
errors-busy-title = We cannot answer right now
errors-busy-text = The server is busy or is being looked after. Nothing of yours is lost. Please try again soon.
errors-fault-title = Something went wrong here
errors-fault-text = It is not your fault. It was written down, so that it can be mended.
errors-unknown-title = We do not know yet whether that was done
errors-unknown-text = The answer took too long. Look at your history before you try again: what you asked for may have been done.
errors-unreadable-title = We could not read that
errors-unreadable-text = What was sent is not what this page expects. Go back and try again.
