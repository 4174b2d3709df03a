### A new password without the old one.

recover-title = New password
recover-lead = Did you forget your password? With one of your recovery codes you can set a new one.
recover-code = Recovery code
recover-code-hint = It looks like 0K7Q-M92X-TVB4. Each code can be used once.
recover-code-missing = Write one of your recovery codes.
recover-code-wrong = The e-mail address or the code is not right, or the code was used before.
recover-password = New password
recover-text = Everywhere else you are logged out, and tokens end.
recover-do = Set the new password
recover-no-code = No recovery code? Ask the people who run this game: they can give you a link for a new password.
recover-for = The account of
recover-dead = This link was used, has expired, or was replaced by a newer one. Ask for another one.
recover-by-code = Use a recovery code
