### A new password without the old one.

recover-title = New password
recover-lead = Forgot your password? You can set a new one with one of your recovery codes.
recover-code = Recovery code
recover-code-hint = It looks like 0K7Q-M92X-TVB4. Each code works once.
recover-code-missing = Enter one of your recovery codes.
recover-code-wrong = The e-mail address or the code is wrong, or the code was used before.
recover-password = New password
recover-text = This logs you out everywhere else and revokes your tokens.
recover-do = Set the new password
recover-no-code = No recovery code? Ask the people who run this game for a link to set a new password.
recover-for = Account:
recover-dead = This link was used, has expired, or was replaced by a newer one. Ask for a new one.
recover-by-code = Use a recovery code
