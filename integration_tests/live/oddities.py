"""Oddities: what is known of some projects and not of others. The connector takes each; probes call them by these names.

The sandbox can have all of them (`SandboxSettings`, its faults, fixtures/odd.json), which a test holds against this list.
"""

# Of records.
FORMS_OF_TIME = "times come in several forms"
OTHER_TYPES = "columns have values of other types"
UNKNOWN_FIELDS = "events have fields that no schema has"
NULLS = "fields are null"
WITHOUT_EMAIL = "events have no email, in an email-based project"
OWN_NAMES = "fields are named like the connector's own columns"
NO_SQL_NAMES = "fields have names that no database takes"
LARGE_NUMBERS = "integers are beyond 2^53"
CAREFUL_TEXTS = "texts hold control characters or line separators"
NO_OBJECT = "transactionalData is no object"
INTERNAL_FIELDS = "itblInternal has fields that no schema has"
LATE = "events arrive late"
REWRITTEN = "export/userEvents has other times of the index than the export"

# Of lists.
STATES_OF_CAMPAIGNS = "campaigns have states that the reference lacks"
UPDATE_STAYS = "campaigns start or end later than their updatedAt"
ORDER_OF_USERS = "a list's users come in another order each time"
ADDRESS_AS_USER_ID = "userIds look like addresses"
LIST_FAILS = "a list's users cannot be read: status 500"
LIST_BREAKS = "a list's users break off"

# Of endpoints.
ARRAY_OF_FIELDS = "users/getFields has an array userFields"
WRAPPED = "answers about catalogs are wrapped in params"
EXPERIMENTS_AS_CSV = "experiments/metrics is CSV"
NO_EXPERIMENTS = "experiments are not offered"
CASE_OF_STATES = "states of export jobs vary in case"
ONE_SPELLING = "data types are taken in one spelling only"
FORBIDDEN_TYPES = "the key may not export some data types"
REFUSED = "the key may not use some endpoints"
LIMITED = "requests within the limits get 429"
RETRY_AFTER = "429 comes with Retry-After"

ODDITIES = tuple(value for name, value in list(globals().items()) if name.isupper())
