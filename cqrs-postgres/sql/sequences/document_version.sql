-- The versions of documents, of all views together: a document that is removed and created again never gets a version that it had
-- before. They are drawn one at a time, so that the versions of one document rise; there are gaps.
create sequence __schema__.document_version as bigint increment 1 cache 1 no cycle;
